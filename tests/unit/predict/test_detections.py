"""What a head finds, in the forms of other packages."""

import builtins

import numpy as np
import pytest

from bench_freeze.errors import InputError
from bench_freeze.predict.detections import ImageDetections


def made(ids=None):
    return ImageDetections(
        np.array([[1.5, 2, 11.5, 22], [0, 0, 3, 4]]),
        np.array([0.9, 0.25], np.float32),
        np.array([1, 0], np.int32),
        ("cat", "dog"),
        ids,
    )


def test_columns_go_together():
    found = made()
    assert found.names == ("dog", "cat")
    assert len(found) == 2
    assert found.only(np.array([False, True])).names == ("cat",)


def test_coco_has_widths_and_the_scores_bits():
    rows = made().to_coco(17)
    assert rows[0] == {
        "image_id": 17, "category_id": 1, "bbox": [1.5, 2.0, 10.0, 20.0], "score": float(np.float32(0.9)),
    }  # fmt: skip
    assert [row["category_id"] for row in made((18, 90)).to_coco("a")] == [90, 18]


def test_a_class_without_a_category_is_left_out_of_coco():
    assert [row["category_id"] for row in made((18, None)).to_coco(1)] == [18]


def test_supervision_where_it_is_missing(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "supervision":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="pip install supervision"):
        made().to_supervision()


def test_supervision_where_it_is_installed():
    pytest.importorskip("supervision")
    found = made().to_supervision()
    assert found.xyxy.tolist() == made().boxes_xyxy.tolist()
    assert found.class_id.tolist() == [1, 0]
    assert found.data["class_name"].tolist() == ["dog", "cat"]
    assert len(found[found.confidence > 0.5]) == 1
