"""Scenes written the way Ultralytics reads them: pictures, one text file of labels each, and a YAML file above."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from .canvas import SIDE, Mask, tight_box
from .scenes import TARGET_NAMES, Scene, target_scenes

POLYGON_INDEX = 1
"""The picture of every target split whose single object is labelled by its outline instead of its box."""


def _box_row(class_index: int, mask: Mask) -> str:
    x, y, width, height = tight_box(mask)
    values = ((x + width / 2) / SIDE, (y + height / 2) / SIDE, width / SIDE, height / SIDE)
    return " ".join([str(class_index), *(f"{value:.6f}" for value in values)])


def outline(mask: Mask) -> list[tuple[int, int]]:
    """Corners of the region between each row's first and last pixel: down the left side, then up the right side."""
    left: list[tuple[int, int]] = []
    right: list[tuple[int, int]] = []
    for y in np.flatnonzero(mask.any(axis=1)).tolist():
        columns = np.flatnonzero(mask[y])
        first, past = int(columns[0]), int(columns[-1]) + 1
        left += [(first, y), (first, y + 1)]
        right += [(past, y), (past, y + 1)]
    return left + right[::-1]


def _polygon_row(class_index: int, mask: Mask) -> str:
    return " ".join([str(class_index), *(f"{value / SIDE:.6f}" for point in outline(mask) for value in point)])


def write_yolo_split(
    folder: Path, split: str, scenes: Iterable[Scene], names: Sequence[str], *, polygon_index: int | None = None
) -> None:
    """Write `images/<split>/*.png` and `labels/<split>/*.txt`; classes are numbered by their place in `names`.

    A picture without objects gets an empty label file. Ultralytics reads all rows of a file as polygons once one of
    them is, so the rows of the picture at `polygon_index` are all written as outlines.
    """
    pictures, labels = folder / "images" / split, folder / "labels" / split
    pictures.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    for index, scene in enumerate(scenes):
        row = _polygon_row if index == polygon_index else _box_row
        rows = [row(names.index(thing.name), thing.mask) + "\n" for thing in scene.things]
        scene.save(pictures / f"{index:06d}.png")
        (labels / f"{index:06d}.txt").write_text("".join(rows), encoding="utf-8")


def write_yolo_yaml(file: Path, splits: Iterable[str], names: Sequence[str]) -> Path:
    """Write the YAML file; its paths are relative to its own folder, so the folder can be moved."""
    lines = [f"{split}: images/{split}" for split in splits]
    lines += ["names:", *(f"  {index}: {name}" for index, name in enumerate(names))]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def write_target_set(folder: Path, *, train: int, val: int, test: int, seed: int) -> Path:
    """Write the target set's three splits and `target.yaml` under `folder`; returns the YAML file's path.

    In each split the first picture is empty and the second one's only label is a polygon.
    """
    counts: Mapping[str, int] = {"train": train, "val": val, "test": test}
    for split, images in counts.items():
        scenes = target_scenes(split, images, seed)
        write_yolo_split(folder, split, scenes, TARGET_NAMES, polygon_index=POLYGON_INDEX)
    return write_yolo_yaml(folder / "target.yaml", counts, TARGET_NAMES)
