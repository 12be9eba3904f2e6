"""Describe a data set as bench-freeze reads it: the facts behind `bench-freeze data`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .classes import normalized
from .dataset import DetectionSet
from .overlap import shared_images
from .source import is_coco, read_split, split_names

Progress = Callable[[int, int], None]
SMALL, LARGE = 32.0**2, 96.0**2  # areas in square pixels between COCO's small, medium and large


class Spread(TypedDict):
    """The range of a number over the images of a set."""

    min: float
    median: float
    max: float


class ClassFacts(TypedDict):
    """A class with its boxes and the images that have one."""

    name: str
    boxes: int
    images: int


class SetFacts(TypedDict, total=False):
    """One data set or split as plain values: sides in pixels, area classes as in COCO. None if there are no images.

    A split has `set` and `split`; one that cannot be read has a `problem` instead of the facts.
    """

    set: str
    split: str
    problem: str
    name: str
    sha256: str
    images: int
    boxes: int
    crowd_boxes: int
    background_images: int
    widths: Spread | None
    heights: Spread | None
    boxes_per_image: Spread | None
    box_areas: dict[str, int]
    classes: list[ClassFacts]
    counts: dict[str, int]
    notes: list[str]


class Description(TypedDict):
    """Every split by set and name, and notes on images that splits share."""

    sets: list[str]
    splits: dict[str, SetFacts]
    shared: list[str]


def describe_sets(paths: Sequence[Path], images: Path | None, on_progress: Progress | None = None) -> Description:
    """All splits of all sets, and the images that they share, as plain values.

    A split that cannot be read has a `problem` instead of facts, so that one report lists all problems.
    """
    known: dict[str, DetectionSet] = {}
    splits: dict[str, SetFacts] = {}
    for path in paths:
        for split in _splits_of(path):
            name = f"{path} {split}" if split else str(path)
            splits[name] = {"set": str(path), "split": split or "images"}
            try:
                known[name] = read_split(path, split, images, on_progress)
                splits[name] |= describe(known[name])
            except InputError as error:
                splits[name]["problem"] = str(error)
    return {"sets": [str(path) for path in paths], "splits": splits, "shared": shared_images(known)}


def _splits_of(path: Path) -> tuple[str | None, ...]:
    return (None,) if is_coco(path) else split_names(path) or ("train",)


def describe(data: DetectionSet) -> SetFacts:
    """One data set as plain values: sides in pixels, area classes as in COCO."""
    truth = data.ground_truth
    per_image = np.bincount(truth.image_index, minlength=len(data.images))
    return {
        "name": data.name,
        "sha256": data.sha256,
        "images": len(data.images),
        "boxes": len(truth),
        "crowd_boxes": int(truth.is_crowd.sum()),
        "background_images": int((per_image == 0).sum()),
        "widths": _spread(np.array([image.width for image in data.images])),
        "heights": _spread(np.array([image.height for image in data.images])),
        "boxes_per_image": _spread(per_image),
        "box_areas": {
            "small": int((truth.area < SMALL).sum()),
            "medium": int(((truth.area >= SMALL) & (truth.area < LARGE)).sum()),
            "large": int((truth.area >= LARGE).sum()),
        },
        "classes": _classes(data),
        "counts": data.counts,
        "notes": [*data.notes, *_odd_classes(data)],
    }


def _spread(values: NDArray[np.integer]) -> Spread | None:
    if not len(values):
        return None
    return {"min": float(values.min()), "median": float(np.median(values)), "max": float(values.max())}


def _classes(data: DetectionSet) -> list[ClassFacts]:
    truth, count = data.ground_truth, len(data.class_names)
    pairs = np.unique(np.stack([truth.labels, truth.image_index]), axis=1)
    boxes = np.bincount(truth.labels, minlength=count)
    images = np.bincount(pairs[0], minlength=count)
    return [
        {"name": name, "boxes": int(n), "images": int(k)}
        for name, n, k in zip(data.class_names, boxes, images, strict=True)
    ]


def _odd_classes(data: DetectionSet) -> list[str]:
    """Notes on classes of equal names, and on classes without a box."""
    first: dict[str, str] = {}
    alike = [n for n in data.class_names if first.setdefault(normalized(n), n) is not n]
    has_boxes = set(data.ground_truth.labels.tolist())
    empty = [name for k, name in enumerate(data.class_names) if k not in has_boxes]
    sentences = []
    if alike:
        sentences.append(f"{data.name}: two classes are named '{alike[0]}'; `run` refuses this as a target set")
    if empty:
        sentences.append(f"{data.name}: {len(empty)} class(es) have no box (first: {empty[0]})")
    return sentences
