"""Where a study's data come from: an Ultralytics data yaml or a COCO json, with the images found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import InputError
from .coco_folder import image_folder as image_folder
from .coco_set import read_coco as read_coco
from .coco_set import sibling_json as sibling_json
from .dataset import DetectionSet
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
        training = read_coco(path, images, on_progress)
        scored = read_coco(validation, None, on_progress, shared_images=images)
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
