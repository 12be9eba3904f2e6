"""Image classification sets in ImageFolder's layout: ROOT/train/CLASS/*.jpg and ROOT/val/CLASS/*.jpg."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..user_files import is_folder
from .dataset import ImageRecord
from .image_folders import images_in
from .images import check_images
from .source import Progress

TRAIN = "train"
FEWEST_OF_A_CLASS = 2  # training images: one to learn from, one to choose the regularisation with


@dataclass(frozen=True)
class LabelledSplit:
    """The images of one split, each with a class, ordered by path."""

    images: tuple[ImageRecord, ...]
    labels: NDArray[np.int64]  # [N], positions of classes

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class ClassificationSet:
    """A training split and a scored split; `sha256` covers class names, pixels and labels."""

    name: str
    class_names: tuple[str, ...]
    train: LabelledSplit
    test: LabelledSplit
    sha256: str
    notes: tuple[str, ...] = ()


def read_classification_set(root: Path, split: str = "val", on_progress: Progress | None = None) -> ClassificationSet:
    """Read and validate a set, decoding every image. `split` is the folder that is scored.

    Raises InputError if a split is missing, if there are fewer than two classes, if a class is missing or empty in one
    split, or if an image cannot be read.
    """
    for name in (TRAIN, split):
        if not is_folder(root / name):
            raise InputError(
                f"{root} has no folder '{name}'; a classification set is ROOT/train/CLASS/*.jpg and "
                f"ROOT/{split}/CLASS/*.jpg."
            )
    classes = _class_folders(root / TRAIN)
    if len(classes) < 2:
        what = f"one class only, '{classes[0]}'" if classes else "no class folder"
        raise InputError(f"{root / TRAIN} has {what}; a classifier needs two classes or more, a folder each.")
    _require_same_classes(root, split, classes)
    files = {name: [images_in(root / name / own) for own in classes] for name in (TRAIN, split)}
    for name, of_classes in files.items():
        for own, found in zip(classes, of_classes, strict=True):
            if len(found) < (FEWEST_OF_A_CLASS if name == TRAIN else 1):
                raise InputError(
                    f"{root / name / own} has {'no image' if not found else 'one image'}; add some"
                    f"{' (a training class needs two)' if found else ''}, or remove the class from both splits."
                )
    paths = [file for of_classes in files.values() for found in of_classes for file in found]
    facts = check_images(paths, on_progress)
    records = [
        ImageRecord(k, path, own.width, own.height, own.sha256, own.mark)
        for k, (path, own) in enumerate(zip(paths, facts, strict=True))
    ]
    counts = {name: [len(found) for found in of_classes] for name, of_classes in files.items()}
    train = _split(records[: sum(counts[TRAIN])], counts[TRAIN])
    test = _split(records[sum(counts[TRAIN]) :], counts[split])
    return ClassificationSet(
        root.resolve().name,
        classes,
        train,
        test,
        _content_sha256(classes, train, test),
        _notes(root, split, train, test),
    )


def _class_folders(folder: Path) -> tuple[str, ...]:
    """Class names in the order of torchvision's ImageFolder; hidden folders are ignored."""
    return tuple(sorted(place.name for place in folder.iterdir() if is_folder(place) and place.name[0] != "."))


def _require_same_classes(root: Path, split: str, classes: tuple[str, ...]) -> None:
    scored = _class_folders(root / split)
    for name, here, there in ((split, classes, scored), (TRAIN, scored, classes)):
        missing = [own for own in here if own not in there]
        if missing:
            raise InputError(
                f"{root / name} has no folder '{missing[0]}', which the other split has; both need the same classes."
            )


def _split(records: list[ImageRecord], counts: list[int]) -> LabelledSplit:
    return LabelledSplit(tuple(records), np.repeat(np.arange(len(counts)), counts))


def _content_sha256(classes: tuple[str, ...], *splits: LabelledSplit) -> str:
    digest = hashlib.sha256("\0".join(classes).encode(errors="surrogateescape"))
    for split in splits:
        digest.update(b"\1")
        for image, label in zip(split.images, split.labels, strict=True):
            digest.update(f"{image.sha256}{image.decoder_mark}\0{label}\0".encode())
    return digest.hexdigest()


def _notes(root: Path, split: str, train: LabelledSplit, test: LabelledSplit) -> tuple[str, ...]:
    """Notes for readers of the numbers: loose files, and copies across splits or classes."""
    notes = []
    for name in (TRAIN, split):
        loose = sum(not is_folder(place) and place.name[0] != "." for place in (root / name).iterdir())
        if loose:
            notes.append(f"{root / name}: {loose} files lie beside the class folders and are not used.")
    learned = {image.sha256 for image in train.images}
    shared = sum(image.sha256 in learned for image in test.images)
    if shared:
        notes.append(f"{root}: {shared} of {len(test)} scored images are byte-identical to training images.")
    classes_of = {(i.sha256, int(k)) for part in (train, test) for i, k in zip(part.images, part.labels, strict=True)}
    twice = sum(count > 1 for count in Counter(sha256 for sha256, _ in classes_of).values())
    if twice:
        notes.append(f"{root}: {twice} images stand under more than one class.")
    return tuple(notes)
