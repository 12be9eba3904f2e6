"""Opening data sets: COCO's folder layouts, both kinds of target, images that do not fit."""

import json

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data.source import open_base, open_target, open_test
from bench_freeze.errors import InputError


def write_coco(file, names=("cat",), **image):
    content = {
        "images": [{"id": 4, "file_name": "a.png", "width": 30, "height": 20, **image}],
        "categories": [{"id": 10 * (k + 1), "name": name} for k, name in enumerate(names)],
        "annotations": [{"id": 1, "image_id": 4, "category_id": 10, "bbox": [1, 2, 5, 6], "area": 30, "iscrowd": 0}],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def write_image(folder, size=(30, 20)):
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(folder / "a.png")


@pytest.mark.parametrize("layout", ["images/val2017", "val2017", "images", "annotations"])
def test_images_are_found_in_cocos_layouts(tmp_path, layout):
    file = write_coco(tmp_path / "annotations" / "instances_val2017.json")
    write_image(tmp_path / layout)
    data = open_base(file, None, "val")
    assert data.images[0].path == tmp_path / layout / "a.png"
    np.testing.assert_array_equal(data.ground_truth.boxes_xywh, [[1, 2, 5, 6]])


def test_images_that_are_nowhere_name_the_flag(tmp_path):
    file = write_coco(tmp_path / "annotations" / "instances_val2017.json")
    with pytest.raises(InputError, match="a.png.*--base-images"):
        open_base(file, None, "val")
    write_image(tmp_path / "elsewhere")
    assert len(open_base(file, tmp_path / "elsewhere", "val").images) == 1


def test_an_image_of_another_size_is_refused(tmp_path):
    file = write_coco(tmp_path / "annotations" / "instances_val.json")
    write_image(tmp_path / "val", (20, 30))
    with pytest.raises(InputError, match=r"20x30 pixels but .* says 30x20 \(image 4\)"):
        open_base(file, None, "val")


def test_a_size_that_is_not_stated_is_read_from_the_image(tmp_path):
    file = write_coco(tmp_path / "annotations" / "instances_val.json")
    content = json.loads(file.read_text())
    del content["images"][0]["width"], content["images"][0]["height"]
    file.write_text(json.dumps(content))
    write_image(tmp_path / "val")
    image = open_base(file, None, "val").images[0]
    assert (image.width, image.height) == (30, 20)


def test_an_image_without_a_name_is_refused(tmp_path):
    file = write_coco(tmp_path / "annotations" / "instances_val.json")
    content = json.loads(file.read_text())
    del content["images"][0]["file_name"]
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match="image 4 has no 'file_name'"):
        open_base(file, None, "val")


def test_a_coco_target_is_scored_on_its_sibling(tmp_path):
    train = write_coco(tmp_path / "annotations" / "instances_train.json")
    val = write_coco(tmp_path / "annotations" / "instances_val.json")
    write_image(tmp_path / "train")
    write_image(tmp_path / "val")
    training, scored = open_target(train, None, None, "val")
    assert (training.name, scored.name) == ("instances_train", "instances_val")
    val.unlink()
    with pytest.raises(InputError, match="--target-val"):
        open_target(train, None, None, "val")
    other = write_coco(tmp_path / "annotations" / "other_val.json", names=("cat", "dog"))
    with pytest.raises(InputError, match="different categories"):
        open_target(train, other, None, "val")


def test_the_test_split_is_found_or_its_absence_is_said(tmp_path):
    for split in ("train", "val", "test"):
        write_image(tmp_path / "images" / split)
    yaml = tmp_path / "data.yaml"
    yaml.write_text("train: images/train\nval: images/val\ntest: images/test\nnames: [cat]\n")
    test, reason = open_test(yaml, "val")
    assert test.images[0].path == tmp_path / "images" / "test" / "a.png"
    assert reason is None
    test, reason = open_test(yaml, "test")
    assert test is None
    assert "leave --split out" in reason
    yaml.write_text("train: images/train\nval: images/val\ntest: images/lost\nnames: [cat]\n")
    assert "images/lost does not exist" in open_test(yaml, "val")[1]
    yaml.write_text("train: images/train\nval: images/val\nnames: [cat]\n")
    assert "no key 'test'" in open_test(yaml, "val")[1]
    assert "no test split" in open_test(tmp_path / "instances_train.json", "val")[1]
