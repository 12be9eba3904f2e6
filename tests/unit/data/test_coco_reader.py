"""COCO files: what is read, and the sentence for each kind of damage."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench_freeze.data.coco import read_instances, read_results
from bench_freeze.errors import InputError


def instances() -> dict[str, Any]:
    return {
        "info": {"year": 2026},
        "images": [
            {"id": 30, "file_name": "c.jpg", "width": 640, "height": 480},
            {"id": 7, "file_name": "a.jpg", "width": 100, "height": 50},
        ],
        "categories": [{"id": 90, "name": "toothbrush"}, {"id": 2, "name": "bicycle", "supercategory": "vehicle"}],
        "annotations": [
            {"id": 5, "image_id": 30, "category_id": 2, "bbox": [1, 2, 3.5, 4], "area": 9, "iscrowd": 1},
            {"id": 0, "image_id": 7, "category_id": 90, "bbox": [0.1, 0.2, 0.3, 0], "area": 0.5, "segmentation": []},
        ],
    }


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_reads_instances(tmp_path: Path) -> None:
    read = read_instances(write(tmp_path / "gt.json", instances()))
    truth = read.ground_truth
    assert truth.image_ids.tolist() == [7, 30]
    assert truth.category_ids.tolist() == [2, 90]
    assert truth.class_names == ("bicycle", "toothbrush")
    assert truth.image_index.tolist() == [1, 0]
    assert truth.labels.tolist() == [0, 1]
    assert truth.boxes_xywh.tolist() == [[1, 2, 3.5, 4], [0.1, 0.2, 0.3, 0]]
    assert truth.area.tolist() == [9, 0.5]
    assert truth.is_crowd.tolist() == [True, False]
    assert truth.annotation_ids.tolist() == [5, 0]
    assert read.file_names == ("a.jpg", "c.jpg")
    assert read.widths == (100, 640)
    assert read.heights == (50, 480)


def test_only_ids_are_needed_of_images_and_categories(tmp_path: Path) -> None:
    content = instances() | {"images": [{"id": 7}, {"id": 30}], "categories": [{"id": 2}, {"id": 90}]}
    read = read_instances(write(tmp_path / "gt.json", content))
    assert read.file_names == ("", "")
    assert read.widths == (0, 0)
    assert read.ground_truth.class_names == ("2", "90")


def test_no_annotations(tmp_path: Path) -> None:
    truth = read_instances(write(tmp_path / "gt.json", instances() | {"annotations": []})).ground_truth
    assert len(truth) == 0
    assert truth.boxes_xywh.shape == (0, 4)


def test_numbers_are_those_of_the_json_module(tmp_path: Path) -> None:
    rng = random.Random(1)
    texts = [repr(rng.uniform(0, 10 ** rng.randint(-8, 8))) for _ in range(4000)]
    texts += [f"{rng.randint(0, 10**30)}e-{rng.randint(15, 40)}" for _ in range(4000)]
    rows = [f'{{"image_id": 7, "category_id": 2, "bbox": [0, 0, 1, 1], "score": {text}}}' for text in texts]
    truth = read_instances(write(tmp_path / "gt.json", instances())).ground_truth
    results = read_results(write(tmp_path / "dt.json", "[" + ",".join(rows) + "]"), truth)
    assert results.detections.scores.tolist() == [json.loads(text) for text in texts]


def change(**entry: Any) -> dict[str, Any]:
    content = instances()
    annotation = content["annotations"][1] | entry
    content["annotations"][1] = {key: value for key, value in annotation.items() if value is not ...}
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        (json.dumps(change(area=float("nan"))), "not JSON .*NaN"),
        ([], "outermost value is an object"),
        ({"images": [], "categories": []}, "no key 'annotations'"),
        (instances() | {"images": {}}, "'images' is not a list"),
        (instances() | {"images": [{"file_name": "a.jpg"}]}, r"images\[0\] has no key 'id'"),
        (change(area=...), r"annotations\[1\] has no key 'area'"),
        (change(bbox=...), r"annotations\[1\] has no key 'bbox'"),
        (change(bbox=[1, 2, 3]), r"annotations\[1\]: .*length"),
        (change(bbox=[1, 2, 3, "4"]), r"annotations\[1\]: .*float"),
        (change(bbox=[1, 2, -3, 4]), r"annotations\[1\] \(id 0\) has box \[1.0, 2.0, -3.0, 4.0\]"),
        (change(id=5), r"annotations\[1\] repeats id 5"),
        (change(id="five"), r"annotations\[1\]: .*int"),
        (instances() | {"images": [{"id": 7}, {"id": 30}, {"id": 7}]}, r"images\[2\] repeats id 7"),
        (instances() | {"categories": [{"id": 2}, {"id": 2}, {"id": 90}]}, r"categories\[1\] repeats id 2"),
        (instances() | {"images": [{"id": 2**70}]}, "64 bits|out of range"),
    ],
)
def test_refuses_damaged_instances(tmp_path: Path, content: Any, message: str) -> None:
    path = write(tmp_path / "gt.json", content)
    with pytest.raises(InputError, match=message) as caught:
        read_instances(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("entry", "name"), [({"image_id": 8}, "images .*(image 8)"), ({"category_id": 1}, "categories .*(category 1)")]
)
@pytest.mark.parametrize("form", [{}, {"iscrowd": 0.0}])
def test_annotations_of_what_is_not_listed_are_left_out_and_counted(
    tmp_path: Path, entry: dict[str, Any], form: dict[str, Any], name: str
) -> None:
    read = read_instances(write(tmp_path / "gt.json", change(**entry, **form)))
    assert read.left_out_annotations == 1
    assert re.match(f"1 annotation.*{name}".replace("(", r"\(").replace(")", r"\)"), read.notes[0])
    assert "annotations[1]" in read.notes[0]
    assert read.ground_truth.annotation_ids.tolist() == [5]
    every = change(**entry, **form)
    every["annotations"] = every["annotations"][1:]
    with pytest.raises(InputError, match=r"no annotation names an image and a category .*annotations\[0\] names"):
        read_instances(write(tmp_path / "gt.json", every))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json cannot be read"):
        read_instances(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_instances(tmp_path)


def result(**entry: Any) -> dict[str, Any]:
    row = {"image_id": 7, "category_id": 90, "bbox": [1, 2, 3, 4], "score": 0.5} | entry
    return {key: value for key, value in row.items() if value is not ...}


def test_reads_results_and_counts_unknown_categories(tmp_path: Path) -> None:
    truth = read_instances(write(tmp_path / "gt.json", instances())).ground_truth
    rows = [result(), result(category_id=3), result(image_id=30, category_id=2, score=1)]
    results = read_results(write(tmp_path / "dt.json", rows), truth)
    assert results.ignored_detections == 1
    assert results.detections.image_index.tolist() == [0, 1]
    assert results.detections.labels.tolist() == [1, 0]
    assert results.detections.scores.tolist() == [0.5, 1]
    assert results.detections.boxes_xywh.dtype == np.float64


def test_no_results(tmp_path: Path) -> None:
    truth = read_instances(write(tmp_path / "gt.json", instances())).ground_truth
    results = read_results(write(tmp_path / "dt.json", []), truth)
    assert len(results.detections) == 0
    assert results.detections.boxes_xywh.shape == (0, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (instances(), "outermost value is a list"),
        ([result(), result(score=...)], r"results\[1\] has no key 'score'"),
        ([result(), 3], r"results\[1\]: .*object"),
        ([result(image_id=8)], "result 0 names image 8"),
        ([result(bbox=[])], r"results\[0\]: .*length"),
    ],
)
def test_refuses_damaged_results(tmp_path: Path, content: Any, message: str) -> None:
    truth = read_instances(write(tmp_path / "gt.json", instances())).ground_truth
    with pytest.raises(InputError, match=message):
        read_results(write(tmp_path / "dt.json", content), truth)
