"""COCO sets: every box, image and class is used or counted, and every split has a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data.coco_folder import image_folder, image_folder_for
from bench_freeze.data.coco_set import read_coco
from bench_freeze.data.source import open_target
from bench_freeze.errors import InputError

SIZE = (64, 48)


def write_images(folder: Path, names: list[str], shade: int = 0) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE, (shade, 0, 0)).save(file)


def write_json(file: Path, names: list[str], boxes: list[list[float]] | None = None, **changes: Any) -> Path:
    """Boxes go to the images in turn."""
    content = {
        "images": [{"id": i + 1, "file_name": name} for i, name in enumerate(names)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": k + 1, "image_id": k % len(names) + 1, "category_id": 1, "bbox": box, "area": 9, "iscrowd": 0}
            for k, box in enumerate([[1, 1, 9, 9]] * len(names) if boxes is None else boxes)
        ],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content | changes))
    return file


@pytest.mark.parametrize("seed", range(6))
def test_boxes_are_counted_as_training_takes_them(seed: int, tmp_path: Path) -> None:
    pytest.importorskip("ultralytics")
    from bench_freeze.finetune.training_data import training_labels

    rng = np.random.default_rng(seed)
    boxes = rng.choice([-80, -20, -1, 0, 5, 20, 47, 48, 63, 64, 90], (200, 4)).astype(float)
    boxes[:, 2:] = np.abs(boxes[:, 2:])
    annotations = [
        {"id": k, "image_id": k % 3 + 1, "category_id": 1, "bbox": box.tolist(), "area": 9, "iscrowd": int(crowd)}
        for k, (box, crowd) in enumerate(zip(boxes, rng.random(200) < 0.1, strict=True))
    ]
    file = write_json(tmp_path / "a" / "train.json", ["a.png", "b.png", "c.png"], annotations=annotations)
    write_images(tmp_path / "a", ["a.png", "b.png", "c.png"])
    data = read_coco(file, None)
    counts = data.counts
    labels = training_labels(data)
    left_out = counts["boxes_outside_image"] + counts["boxes_without_area"] + counts["crowd_boxes"]
    assert counts["boxes"] == 200
    assert sum(len(label["cls"]) for label in labels) == 200 - left_out
    assert counts["boxes_without_area"] == sum(not a["iscrowd"] and 0 in a["bbox"][2:] for a in annotations)
    sides = np.array(SIZE)
    whole = sum(
        not a["iscrowd"] and min(x, y) >= 0 and x + w <= sides[0] and y + h <= sides[1] and min(w, h) > 0
        for a in annotations
        for x, y, w, h in [a["bbox"]]
    )
    assert counts["clipped_boxes"] == 200 - left_out - whole


def test_the_boxes_of_the_issue_are_noted_like_those_of_a_yaml(tmp_path: Path) -> None:
    boxes = [[100, 100, 5, 5]] * 10 + [[1, 1, 0, 5]] * 5 + [[60, 40, 10, 10], [1, 1, 5, 5]]
    file = write_json(tmp_path / "a" / "train.json", ["a.png"], boxes)
    write_images(tmp_path / "a", ["a.png"])
    data = read_coco(file, None)
    notes = "\n".join(data.notes)
    assert len(data.ground_truth) == 17
    assert "a/train.json: 10 box(es) outside their image are left out in training" in notes
    assert "5 box(es) without width or height are left out in training" in notes
    assert "1 box(es) across the border are clipped in training" in notes
    assert "such as annotation 11 of image 1" in notes


def test_boxes_that_exceed_the_border_by_a_rounding_are_not_noted(tmp_path: Path) -> None:
    file = write_json(tmp_path / "a" / "train.json", ["a.png"], [[0.33, 0, 63.68, 48.01], [0, 0, 64.5, 48]])
    write_images(tmp_path / "a", ["a.png"])
    assert read_coco(file, None).counts["clipped_boxes"] == 1


def test_what_is_not_used_is_counted(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "./a.png"}, {"id": 3, "file_name": "sub/b.png"}]
    categories = [{"id": 1, "name": "Red Apple"}, {"id": 2, "name": "red_apple"}, {"id": 3, "name": "pear"}]
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 9}
    annotations = [
        annotation,
        annotation | {"id": 2, "image_id": 9},
        annotation | {"id": 3, "category_id": 9},
        annotation | {"id": 4, "image_id": 9},
    ]
    file = write_json(
        tmp_path / "a" / "train.json", ["x"], images=images, categories=categories, annotations=annotations
    )
    write_images(tmp_path / "a", ["a.png", "sub/b.png", "sub/c.png", "d.jpg"])
    (tmp_path / "a" / "readme.txt").write_text("")
    data = read_coco(file, None)
    assert data.counts == {
        "images": 3,
        "boxes": 1,
        "crowd_boxes": 0,
        "background_images": 2,
        "left_out_annotations": 3,
        "images_sharing_a_file": 2,
        "unlisted_images": 2,
        "categories_without_boxes": 2,
        "categories_named_alike": 2,
    }
    notes = "\n".join(data.notes)
    for part in (
        "2 annotation(s) of images that the file does not list were left out, such as annotations[1] (image 9)",
        "1 annotation(s) of categories that the file does not list were left out, such as annotations[2] (category 9)",
        "2 images of the json share a file, such as",
        "(images 1 and 2)",
        "2 image(s) without boxes are background, such as image 2",
        "2 image(s) of the folder are not listed in the json and not used, such as c.png",
        "2 of 3 categories have no box, such as 'red_apple'",
        "2 categories have equal names, such as 'Red Apple' and 'red_apple'",
    ):
        assert part in notes
    assert len(data.notes) == 7


def test_a_plain_set_has_no_notes(tmp_path: Path) -> None:
    file = write_json(tmp_path / "a" / "train.json", ["a.png", "b.png"])
    write_images(tmp_path / "a", ["a.png", "b.png"])
    data = read_coco(file, None)
    assert data.notes == ()
    assert data.counts == {"images": 2, "boxes": 2, "crowd_boxes": 0, "background_images": 0}


def test_text_ids_are_what_messages_name(tmp_path: Path) -> None:
    images = [{"id": "b", "file_name": "a.png", "width": 3, "height": 3}, {"id": "a", "file_name": "b.png"}]
    annotation = {"id": 1, "image_id": "b", "category_id": 1, "bbox": [1, 1, 5, 5], "area": 9}
    file = write_json(tmp_path / "a" / "train.json", ["x"], images=images, annotations=[annotation])
    write_images(tmp_path / "a", ["a.png", "b.png"])
    with pytest.raises(InputError, match=r"says 3x3 \(image 'b'\)"):
        read_coco(file, None)
    images[0]["width"], images[0]["height"] = 64, 48
    file = write_json(file, ["x"], images=images, annotations=[annotation])
    data = read_coco(file, None)
    assert [image.path.name for image in data.images if image.path] == ["b.png", "a.png"]
    assert data.ground_truth.image_index.tolist() == [1]


@pytest.mark.parametrize(
    "name", ["sub/a.png", "sub\\a.png", "ABSOLUTE", "h\u00e9/\u732b.png", "a b.png", "../val/a.png"]
)
def test_names_of_files(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "images" / "val"
    stored = name.replace("\\", "/") if name != "ABSOLUTE" else str(tmp_path / "other" / "a.png")
    write_images(folder, [stored])
    file = write_json(tmp_path / "annotations" / "instances_val.json", [name.replace("ABSOLUTE", stored)])
    assert read_coco(file, None).images[0].path == folder / stored


@pytest.mark.parametrize(("name", "message"), [("a\0.png", "correct it"), ("", "add it"), ("x" * 300, "x" * 300)])
def test_names_that_no_file_has(name: str, message: str, tmp_path: Path) -> None:
    write_images(tmp_path / "val", ["b.png"])
    file = write_json(tmp_path / "annotations" / "instances_val.json", [name, "b.png"])
    for folder in (None, tmp_path / "val"):
        with pytest.raises(InputError, match=message):
            read_coco(file, folder)


def test_of_a_folder_that_lacks_only_the_first_image_the_image_is_named(tmp_path: Path) -> None:
    write_images(tmp_path / "images" / "val", ["b.png"])
    file = write_json(tmp_path / "annotations" / "instances_val.json", ["a.png", "b.png"])
    assert image_folder(file, ("a.png", "b.png")) == tmp_path / "images" / "val"
    with pytest.raises(InputError, match="images/val/a.png: there is no such image"):
        read_coco(file, None)


def two_splits(root: Path, val: list[str]) -> tuple[Path, Path]:
    write_images(root / "given", ["a.png", "b.png"])
    return (
        write_json(root / "data" / "annotations" / "instances_train.json", ["a.png", "b.png"]),
        write_json(root / "data" / "annotations" / "instances_val.json", val),
    )


def test_val_images_lie_in_the_folder_that_was_given(tmp_path: Path) -> None:
    train, _ = two_splits(tmp_path, ["c.png"])
    write_images(tmp_path / "given", ["c.png"], 90)
    training, scored = open_target(train, None, tmp_path / "given", "val")
    assert training.images[0].path == tmp_path / "given" / "a.png"
    assert scored.images[0].path == tmp_path / "given" / "c.png"


def test_val_images_lie_in_cocos_layout_beside_their_json(tmp_path: Path) -> None:
    train, _ = two_splits(tmp_path, ["c.png", "d.png"])
    write_images(tmp_path / "data" / "val", ["c.png", "d.png"], 90)
    _, scored = open_target(train, None, tmp_path / "given", "val")
    assert [image.path for image in scored.images] == [tmp_path / "data" / "val" / n for n in ("c.png", "d.png")]
    assert any("the images are taken from" in note for note in scored.notes)


def test_a_folder_with_a_folder_for_each_split(tmp_path: Path) -> None:
    train, _ = two_splits(tmp_path, ["a.png"])
    write_images(tmp_path / "both" / "train", ["a.png", "b.png"])
    write_images(tmp_path / "both" / "val", ["a.png"], 90)
    training, scored = open_target(train, None, tmp_path / "both", "val")
    assert training.images[0].path == tmp_path / "both" / "train" / "a.png"
    assert scored.images[0].path == tmp_path / "both" / "val" / "a.png"


def test_val_images_that_are_nowhere_name_the_flag(tmp_path: Path) -> None:
    train, _ = two_splits(tmp_path, ["c.png", "d.png"])
    with pytest.raises(InputError, match=r"c.png is neither in .*given.* --target-val-images"):
        open_target(train, None, tmp_path / "given", "val")
    write_images(tmp_path / "given", ["d.png"])
    with pytest.raises(InputError, match=r"given/c.png: there is no such image.* --target-val-images"):
        open_target(train, None, tmp_path / "given", "val")


def test_two_folders_with_other_bytes_of_one_name_are_not_guessed_between(tmp_path: Path) -> None:
    train, val = two_splits(tmp_path, ["a.png", "c.png"])
    write_images(tmp_path / "data" / "val", ["a.png", "c.png"], 90)
    with pytest.raises(InputError, match=r"a.png is in .*given and, with other bytes, in .*val; .*--target-val-images"):
        open_target(train, None, tmp_path / "given", "val")
    assert image_folder_for(val, ("a.png", "c.png"), tmp_path / "given", shared=tmp_path) == tmp_path / "given"
    write_images(tmp_path / "data" / "val", ["a.png"])  # now the same, and only one folder has all
    _, scored = open_target(train, None, tmp_path / "given", "val")
    assert scored.images[1].path == tmp_path / "data" / "val" / "c.png"
