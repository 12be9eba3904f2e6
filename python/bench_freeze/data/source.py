"""Read a study's data from an Ultralytics data yaml, a COCO json or a VOC folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import InputError
from ..text.visible import well_formed
from ..user_files import is_folder
from .classes import normalized
from .coco_set import read_coco, sibling_json
from .dataset import DetectionSet
from .image_folders import label_path
from .overlap import with_copies_noted
from .voc import is_voc, read_voc, read_voc_folder, voc_splits
from .yolo import read_yolo
from .yolo_yaml import read_yolo_yaml

Progress = Callable[[int, int], None]


def is_coco(path: Path) -> bool:
    """Whether the path is a COCO json (by its suffix), as opposed to a data yaml, a folder with one, or a VOC folder.

    Raises InputError for any other file.
    """
    suffix = path.suffix.lower()
    if suffix not in (".json", ".yaml", ".yml") and not is_folder(path):
        hint = "; unpack it" if suffix in (".zip", ".tar", ".gz", ".tgz") else ""
        raise InputError(
            f"{path} is neither a COCO json nor a data yaml{hint}; give a file whose name ends in .json or .yaml."
        )
    return suffix == ".json" and not is_folder(path)


def split_names(path: Path) -> tuple[str, ...]:
    """The splits of a data yaml or a VOC folder. Raises InputError if it is neither, or lists none."""
    return tuple(voc_splits(path) if is_voc(path) else read_yolo_yaml(path).splits)


def read_split(
    path: Path, split: str | None, images: Path | None = None, on_progress: Progress | None = None
) -> DetectionSet:
    """Read one split of a data yaml, or a COCO json, which is one. Copies among the images are noted."""
    if is_coco(path):
        return with_copies_noted(read_coco(path, images, on_progress))
    read = read_voc if is_voc(path) else read_yolo
    return with_copies_noted(read(path, split or "val", on_progress))


def open_base(path: Path, images: Path | None, split: str, on_progress: Progress | None = None) -> DetectionSet:
    """Read the base set, which the original model is scored on. A yaml without the requested split is scored on val."""
    if is_coco(path):
        return read_split(path, None, images, on_progress)
    _refuse_coco_flags(path, {"the image folder": images})  # of --base, or of any set of a profile
    return read_split(path, split if split in split_names(path) else "val", None, on_progress)


def open_target(
    path: Path,
    validation: Path | None,
    images: Path | None,
    split: str,
    on_progress: Progress | None = None,
    *,
    validation_images: Path | None = None,
) -> tuple[DetectionSet, DetectionSet]:
    """Read the target set's training split and its scored split. Folders are for COCO jsons."""
    if not is_coco(path):
        _refuse_coco_flags(
            path, {"--target-val": validation, "--target-images": images, "--target-val-images": validation_images}
        )
        _check_names(path, (read_voc_folder if is_voc(path) else read_yolo_yaml)(path).class_names)
        return read_split(path, "train", None, on_progress), read_split(path, split, None, on_progress)
    validation = validation or sibling_json(path, split)
    training = read_split(path, None, images, on_progress)
    _check_names(path, training.class_names)
    scored = with_copies_noted(
        read_coco(
            validation, validation_images, on_progress, shared_images=None if validation_images is not None else images
        )
    )
    if images is not None and validation_images is None:
        _refuse_training_files(training, scored, images)
    if training.class_names != scored.class_names:
        raise InputError(f"{path} and {validation} list different categories; give both the same list.")
    return training, scored


def _refuse_training_files(training: DetectionSet, scored: DetectionSet, images: Path) -> None:
    """Raise InputError if two splits with equal file names share one folder, which can hold only one of them."""
    trained = {image.path for image in training.images}
    both = [image for image in scored.images if image.path in trained]
    if both:
        raise InputError(
            f"{both[0].path} is an image of the training split and of the scored one by --target-images {images}; name "
            "the folder of the scored one with --target-val-images."
        )


def _refuse_coco_flags(path: Path, flags: Mapping[str, Path | None]) -> None:
    """Raise InputError for an image folder beside a data yaml, which names its own folders."""
    for flag, value in flags.items():
        if value is not None:
            raise InputError(f"{flag} {value} is for COCO jsons, and {path} names its own folders; leave the flag out.")


def _check_names(path: Path, names: tuple[str, ...]) -> None:
    """Raise InputError for equal class names: classes are paired by name."""
    first: dict[str, int] = {}
    for k, name in enumerate(names):
        if well_formed(name) != name:
            raise InputError(
                f"{path}: class {k} is named '{name}', which holds half a character; rename it: no model "
                "file can keep it."
            )
        other = first.setdefault(normalized(name), k)
        if other != k:
            raise InputError(
                f"{path}: classes {other} and {k} are named '{names[other]}' and '{name}', which count as one name; "
                "rename one."
            )


def open_test(path: Path, split: str, on_progress: Progress | None = None) -> tuple[DetectionSet | None, str | None]:
    """The test split of the data yaml that the scored `split` comes from, or None and the reason."""
    coincide = "the recommendation and the reported numbers come from the same images"
    if split == "test":
        return None, f"{path} is scored on its test split alone: {coincide}; leave --split out to choose on val."
    if is_coco(path):
        return None, f"{path} has no test split: {coincide}; a data yaml can name one."
    if is_voc(path):
        if "test" not in split_names(path):
            return None, f"{path} has no test.txt: {coincide}."
        return read_split(path, "test", None, on_progress), None
    data = read_yolo_yaml(path)
    if "test" not in data.splits:
        return None, f"{path} has no key 'test': {coincide}."
    missing = [place for place in data.splits["test"] if not place.exists()]
    if missing:
        return None, f"{path}: its test split {missing[0]} does not exist: {coincide}; correct the path in the yaml."
    return read_split(path, "test", None, on_progress), None


def require_boxes(sets: Mapping[str, DetectionSet], allow_empty: bool) -> list[str]:
    """Warnings about sets without a box, by role. Raises InputError unless they are allowed.

    A training split without boxes is never allowed: nothing can be learned from it.
    """
    empty = {role: data for role, data in sets.items() if data.ground_truth.is_crowd.all()}  # crowds are not objects
    if "training" in empty:
        raise InputError(
            f"{empty['training'].name}: the training split has no boxes; nothing can be learned from it"
            f"{_missing_labels(empty['training'])}."
        )
    if empty and not allow_empty:
        role, data = next(iter(empty.items()))
        raise InputError(
            f"{data.name}: none of its {len(data.images)} images has a box{_missing_labels(data)}, so there would be "
            f"no {role} accuracy; correct the set, or continue without that number with --allow-empty-split."
        )
    return [f"{data.name} has no box, so there is no {role} accuracy." for role, data in empty.items()]


def _missing_labels(data: DetectionSet) -> str:
    """Where missing label files were expected, else the folder of the images."""
    first = data.images[0].path if data.images else None
    if first is None:
        return ""
    if data.counts.get("missing_label_files") == len(data.images):
        return f" (there is no label file such as {label_path(first)})"
    return f" (images in {first.parent})"
