"""Opening data sets: COCO's folder layouts, both kinds of target, images that do not fit."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data.overlap import shared_images
from bench_freeze.data.source import is_coco, open_base, open_target, open_test, read_split, require_boxes
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


def test_target_classes_of_one_name_are_refused(tmp_path):
    write_image(tmp_path / "images")
    yaml = tmp_path / "data.yaml"
    for names in ("[cat, dog, cat]", "[cat, dog, CAT]", "[red_apple, x, 'Red  apple']"):
        yaml.write_text(f"train: images\nval: images\nnames: {names}\n")
        with pytest.raises(InputError, match="classes 0 and 2 are named .* rename one"):
            open_target(yaml, None, None, "val")
    train = write_coco(tmp_path / "annotations" / "instances_train.json", names=("cat", "cat"))
    write_coco(tmp_path / "annotations" / "instances_val.json", names=("cat", "cat"))
    with pytest.raises(InputError, match="classes 0 and 1 are named"):
        open_target(train, None, tmp_path / "images", "val")


def test_folders_of_a_coco_json_are_refused_with_a_yaml(tmp_path):
    write_image(tmp_path / "images")
    yaml = tmp_path / "data.yaml"
    yaml.write_text("train: images\nval: images\nnames: [cat]\n")
    with pytest.raises(InputError, match="--target-val-images .* is for COCO jsons"):
        open_target(yaml, None, None, "val", validation_images=tmp_path)
    with pytest.raises(InputError, match="--target-images .* is for COCO jsons"):
        open_target(yaml, None, tmp_path, "val")
    with pytest.raises(InputError, match="the image folder .* is for COCO jsons"):
        open_base(yaml, tmp_path, "val")


def test_each_split_of_a_coco_target_has_its_own_folder(tmp_path):
    train = write_coco(tmp_path / "annotations" / "instances_train.json")
    write_coco(tmp_path / "annotations" / "instances_val.json")
    write_image(tmp_path / "one")
    write_image(tmp_path / "two")
    training, scored = open_target(train, None, tmp_path / "one", "val", validation_images=tmp_path / "two")
    assert training.images[0].path == tmp_path / "one/a.png"
    assert scored.images[0].path == tmp_path / "two/a.png"


@pytest.mark.parametrize("suffix", [".zip", ".txt", ""])
def test_what_is_not_a_data_set_is_named(tmp_path, suffix):
    file = tmp_path / f"set{suffix}"
    file.write_text("x")
    with pytest.raises(InputError, match="neither a COCO json nor a data yaml"):
        is_coco(file)


def split_of(tmp_path, name, rows, images=1):
    """A split of a yaml of its own: `rows` are the labels of every image."""
    for kind in ("images", "labels"):
        (tmp_path / name / kind).mkdir(parents=True)
    for i in range(images):
        Image.new("RGB", (30, 20), (i, 0, len(name))).save(tmp_path / name / f"images/{i}.png")
        if rows is not None:
            (tmp_path / name / f"labels/{i}.txt").write_text(rows)
    (tmp_path / name / "data.yaml").write_text("val: images\ntrain: images\nnames: [cat]\n")
    return read_split(tmp_path / name / "data.yaml", "val")


def test_a_split_without_a_box_is_refused_unless_it_is_allowed(tmp_path):
    full, empty = split_of(tmp_path, "full", "0 0.5 0.5 0.5 0.5\n"), split_of(tmp_path, "empty", None)
    assert require_boxes({"training": full, "target": full}, False) == []
    with pytest.raises(InputError, match=r"has a box .*no label file such as .*empty/labels/0\.txt.*--allow-empty"):
        require_boxes({"training": full, "target": empty}, False)
    assert require_boxes({"training": full, "target": empty, "base": empty}, True) == [
        "data/val has no box, so there is no target accuracy.",
        "data/val has no box, so there is no base accuracy.",
    ]
    with pytest.raises(InputError, match="nothing can be learned"):
        require_boxes({"training": empty, "target": full}, True)


def test_crowds_alone_are_nothing_to_score(tmp_path):
    file = write_coco(tmp_path / "annotations" / "instances_val.json")
    content = json.loads(file.read_text())
    content["annotations"][0]["iscrowd"] = 1
    file.write_text(json.dumps(content))
    write_image(tmp_path / "val")
    with pytest.raises(InputError, match="--allow-empty-split"):
        require_boxes({"base": open_base(file, None, "val")}, False)


def test_images_in_two_splits_are_told_by_their_bytes(tmp_path):
    a, b = split_of(tmp_path, "a", "0 0.5 0.5 0.5 0.5\n", 3), split_of(tmp_path, "b", "0 0.5 0.5 0.5 0.5\n", 3)
    assert len(shared_images({"training": a, "target": b})) == 1  # names have one length, so the pixels are equal
    c = split_of(tmp_path, "ccc", "0 0.5 0.5 0.5 0.5\n", 2)
    assert shared_images({"training": a, "target": c}) == []
    shutil.copy(a.images[1].path, tmp_path / "ccc/images/other name.png")
    sentences = shared_images(
        {"training": a, "target": read_split(tmp_path / "ccc/data.yaml", "val"), "base": c, "replay": b}
    )
    assert len(sentences) == 4
    assert sentences[0].startswith("1 of the 3 training images are among the target images (first: images/1.png is ")
    assert sentences[1].startswith("all 3 of the 3 training images are among the replay images")


def test_copies_within_a_split_are_noted(tmp_path):
    split_of(tmp_path, "a", "0 0.5 0.5 0.5 0.5\n", 2)
    shutil.copy(tmp_path / "a/images/0.png", tmp_path / "a/images/copy.png")
    data = read_split(tmp_path / "a/data.yaml", "val")
    assert data.counts["copies"] == 1
    assert "images/copy.png is images/0.png" in data.notes[-1]
