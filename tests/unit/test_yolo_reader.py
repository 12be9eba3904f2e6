"""The reader of Ultralytics data sets: real files on disk, every unusual row."""

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data.yolo import read_yolo
from bench_freeze.errors import InputError


@pytest.fixture
def data(tmp_path):
    """A data set of two images, 100 x 50 pixels; `labels[i]` writes the rows of image i."""
    for kind in ("images", "labels"):
        (tmp_path / kind / "val").mkdir(parents=True)
    yaml = tmp_path / "set.yaml"
    yaml.write_text("train: images/val\nval: images/val\nnames: [cat, dog]\n")
    for i in range(2):
        Image.new("RGB", (100, 50), (i * 40, 90, 10)).save(tmp_path / "images/val" / f"{i}.jpg")

    class Data:
        folder, path = tmp_path, yaml

        def label(self, i, text):
            (tmp_path / "labels/val" / f"{i}.txt").write_text(text)

        def read(self):
            return read_yolo(yaml, "val")

    return Data()


def test_boxes_become_pixels(data):
    data.label(0, "1 0.5 0.5 0.2 0.4\n")
    found = data.read()
    np.testing.assert_allclose(found.ground_truth.boxes_xywh, [[40, 15, 20, 20]])
    assert found.ground_truth.labels.tolist() == [1]
    assert found.ground_truth.area.tolist() == pytest.approx([400.0])
    assert found.counts["background_images"] == 1


def test_a_file_may_mix_boxes_and_polygons(data):
    data.label(0, "0 0.5 0.5 0.2 0.4\n1 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.4\n")
    found = data.read()
    assert len(found.ground_truth) == 2
    np.testing.assert_allclose(found.ground_truth.boxes_xywh[1], [10, 10, 20, 20])
    assert found.counts["polygon_rows"] == 1
    assert any("polygon" in note for note in found.notes)


def test_an_empty_label_file_is_background(data):
    data.label(0, "")
    data.label(1, "\n\n")
    assert data.read().counts["background_images"] == 2


def test_boxes_over_the_border_are_clipped_and_counted(data):
    data.label(0, "0 0.95 0.5 0.2 0.2\n")
    found = data.read()
    np.testing.assert_allclose(found.ground_truth.boxes_xywh, [[85, 20, 15, 10]])
    assert found.counts["clipped_boxes"] == 1


def test_boxes_without_area_are_left_out_and_counted(data):
    data.label(0, "0 0.5 0.5 0 0.2\n0 1.4 0.5 0.2 0.2\n")
    found = data.read()
    assert len(found.ground_truth) == 0
    assert found.counts["boxes_without_area"] == 2


def test_a_repeated_row_counts_once(data):
    data.label(0, "0 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2 0.2\n")
    found = data.read()
    assert len(found.ground_truth) == 1
    assert found.counts["repeated_rows"] == 1


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("0 0.5 0.5 0.2", "row 2 has 4 fields"),
        ("0 0.5 0.5 0.2 0.2 0.1", "row 2 has 6 fields"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "row 2 has 8 fields"),
        ("cat 0.5 0.5 0.2 0.2", "row 2: 'cat"),
        ("2 0.5 0.5 0.2 0.2", "row 2: class 2 is not one of 0 to 1"),
        ("-1 0.5 0.5 0.2 0.2", "class -1"),
        ("0.5 0.5 0.5 0.2 0.2", "class 0.5"),
        ("0 0.5 nan 0.2 0.2", "not finite"),
        ("0 0.5 0.5 -0.2 0.2", "negative"),
    ],
)
def test_a_bad_row_is_named(data, row, sentence):
    data.label(1, "0 0.5 0.5 0.2 0.2\n" + row + "\n")
    with pytest.raises(InputError, match=sentence) as error:
        data.read()
    assert "1.txt" in str(error.value)


def test_a_truncated_image_is_named(data):
    file = data.folder / "images/val/1.jpg"
    file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(InputError, match="1.jpg cannot be read as an image"):
        data.read()


def test_a_file_that_is_no_image_is_named(data):
    (data.folder / "images/val/0.jpg").write_text("hello")
    with pytest.raises(InputError, match="0.jpg cannot be read"):
        data.read()


def test_a_listed_image_that_is_missing_is_named(data):
    (data.folder / "list.txt").write_text("images/val/0.jpg\nimages/val/gone.jpg\n")
    data.path.write_text("val: list.txt\nnames: [cat, dog]\n")
    with pytest.raises(InputError, match="gone.jpg"):
        data.read()


@pytest.mark.parametrize(
    ("yaml", "sentence"),
    [
        ("val: images/val\n", "names"),
        ("names: [a]\n", "no key 'val'"),
        ("names: [a]\nval: images/none\n", "does not exist"),
        ("names: {1: a}\nval: images/val\n", "0 to 0"),
        ("names: [a\n", "cannot be read as yaml"),
        ("names: [a]\npath: nowhere\nval: images/val\n", "path: nowhere"),
    ],
)
def test_a_bad_yaml_is_named(data, yaml, sentence):
    data.path.write_text(yaml)
    with pytest.raises(InputError, match=sentence):
        data.read()


def test_exif_orientation_is_applied(data):
    image = Image.new("RGB", (100, 50))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(data.folder / "images/val/0.jpg", exif=exif)
    data.label(0, "0 0.5 0.5 0.2 0.2\n")
    found = data.read()
    assert (found.images[0].width, found.images[0].height) == (50, 100)
    np.testing.assert_allclose(found.ground_truth.boxes_xywh, [[20, 40, 10, 20]])


def test_the_hash_follows_content_not_place(data, tmp_path_factory):
    import shutil

    data.label(0, "0 0.5 0.5 0.2 0.2\n")
    before = data.read().sha256
    moved = tmp_path_factory.mktemp("moved") / "copy"
    shutil.copytree(data.folder, moved)
    assert read_yolo(moved / "set.yaml", "val").sha256 == before
    data.label(0, "0 0.5 0.5 0.2 0.3\n")
    assert data.read().sha256 != before


def test_nothing_is_written(data):
    data.label(0, "0 0.5 0.5 0.2 0.2\n")
    before = sorted(data.folder.rglob("*"))
    data.read()
    assert sorted(data.folder.rglob("*")) == before
