"""Where a study's data come from: an Ultralytics data yaml or a COCO json, with the images found."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import InputError
from .coco import read_instances
from .dataset import DetectionSet, ImageRecord, content_sha256
from .images import ImageFacts, check_images
from .yolo import read_yolo, read_yolo_yaml

Progress = Callable[[int, int], None]


def is_coco(path: Path) -> bool:
    """True for a COCO json by its suffix; raises InputError for a file that is neither json nor yaml."""
    suffix = path.suffix.lower()
    if suffix not in (".json", ".yaml", ".yml"):
        raise InputError(f"{path} is neither a COCO json nor a data yaml; its name should end in .json or .yaml.")
    return suffix == ".json"


def open_base(path: Path, images: Path | None, split: str, on_progress: Progress | None = None) -> DetectionSet:
    """The base set: what the original model is scored on. A yaml without the asked split is scored on its val."""
    if is_coco(path):
        return read_coco(path, images, on_progress)
    return read_yolo(path, split if split in read_yolo_yaml(path).splits else "val", on_progress)


def open_target(
    path: Path, validation: Path | None, images: Path | None, split: str, on_progress: Progress | None = None
) -> tuple[DetectionSet, DetectionSet]:
    """The target set's training split and the split that is scored."""
    if is_coco(path):
        validation = validation or sibling_json(path, split)
        training, scored = read_coco(path, images, on_progress), read_coco(validation, images, on_progress)
        if training.class_names != scored.class_names:
            raise InputError(f"{path} and {validation} list different categories; give both the same list.")
        return training, scored
    return read_yolo(path, "train", on_progress), read_yolo(path, split, on_progress)


def open_test(path: Path, split: str, on_progress: Progress | None = None) -> tuple[DetectionSet | None, str | None]:
    """The test split of the data yaml behind a scored `split`, or None and the reason in a sentence."""
    coincide = "the recommendation and the reported numbers come from the same images"
    if split == "test":
        return None, f"{path} is scored on its test split alone: {coincide}; leave --split out to choose on val."
    if is_coco(path):
        return None, f"{path} has no test split: {coincide}; a data yaml can name one."
    data = read_yolo_yaml(path)
    if "test" not in data.splits:
        return None, f"{path} has no key 'test': {coincide}."
    missing = [place for place in data.splits["test"] if not place.exists()]
    if missing:
        return None, f"{path}: its test split {missing[0]} does not exist: {coincide}; correct the path in the yaml."
    return read_yolo(path, "test", on_progress), None


def sibling_json(path: Path, split: str) -> Path:
    """`instances_train2017.json` is scored on the `instances_val2017.json` beside it."""
    name = re.sub("train", split, path.name)
    sibling = path.with_name(name)
    if name == path.name or not sibling.is_file():
        raise InputError(
            f"{path}: no file to score on (no {sibling.name if name != path.name else 'train in its name'}); name it "
            "with --target-val."
        )
    return sibling


def read_coco(path: Path, images: Path | None, on_progress: Progress | None = None) -> DetectionSet:
    """A COCO instances json with its images.

    Without `images` they are looked for in COCO's layout: `../images/<split>`, `../<split>` and the like beside the
    folder of the json. Raises InputError when an image is missing, unreadable or of another size than the json says.
    """
    instances = read_instances(path)
    if "" in instances.file_names:
        nameless = instances.ground_truth.image_ids[instances.file_names.index("")]
        raise InputError(f"{path}: image {nameless} has no 'file_name'; add it, the image cannot be found without.")
    folder = images or image_folder(path, instances.file_names)
    files = [folder / name for name in instances.file_names]
    facts = check_images(files, on_progress)
    records = tuple(
        _record(path, int(image_id), file, fact, width, height)
        for image_id, file, fact, width, height in zip(
            instances.ground_truth.image_ids, files, facts, instances.widths, instances.heights, strict=True
        )
    )
    truth = instances.ground_truth
    with_boxes = len(np.unique(truth.image_index))
    return DetectionSet(
        name=path.stem,
        images=records,
        ground_truth=truth,
        sha256=content_sha256(records, truth),
        counts={
            "images": len(records),
            "boxes": len(truth),
            "crowd_boxes": int(truth.is_crowd.sum()),
            "background_images": len(records) - with_boxes,
        },
    )


def _record(path: Path, image_id: int, file: Path, fact: ImageFacts, width: int, height: int) -> ImageRecord:
    stated = (width or fact.width, height or fact.height)  # 0 where the json does not say
    if (fact.width, fact.height) != stated:
        raise InputError(
            f"{file} is {fact.width}x{fact.height} pixels but {path} says {width}x{height} (image {image_id}); use the "
            "images that the annotations were made for."
        )
    return ImageRecord(image_id, file, fact.width, fact.height, fact.sha256)


def image_folder(path: Path, file_names: tuple[str, ...]) -> Path:
    """The folder in COCO's layout that has the first image. The split is the last part of the json's name."""
    split = path.stem.rpartition("_")[2]
    root = path.parent.parent
    tried = [
        root / "images" / split,
        root / split,
        root / "images",
        path.parent / split,
        path.parent / "images",
        path.parent,
    ]
    for folder in tried:
        if not file_names or (folder / file_names[0]).is_file():
            return folder
    raise InputError(
        f"{path}: image {file_names[0]} is not in {', '.join(map(str, tried[:3]))}; name its folder with --base-images "
        "(or --target-images)."
    )
