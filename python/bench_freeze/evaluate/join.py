"""Matches of single updates as those of the whole data set, whatever order they came in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..kernels.matching import Lattice, Masks, Matches


def join_matches(parts: Sequence[tuple[NDArray[np.int32], Matches]], images: int, lattice: Lattice) -> Matches:
    """Matches of `images` images in ascending order. A part is (positions of its images, their matches)."""
    if not parts:
        parts = [(np.zeros(0, np.int32), _nothing(lattice))]
    position = np.concatenate([part_images for part_images, _ in parts])
    sizes = np.concatenate([np.diff(matches.begin) for _, matches in parts])
    count = np.zeros(images, np.int64)
    count[position] = sizes
    begin = np.concatenate([np.zeros(1, np.int64), np.cumsum(count)])
    rows: slice | NDArray[np.int64] = slice(None)
    if (np.diff(position) < 0).any():
        start = np.empty(images, np.int64)  # of each image's rows, one part after the other
        start[position] = np.cumsum(sizes) - sizes
        rows = np.repeat(start - begin[:-1], count) + np.arange(begin[-1])

    def joined(columns: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
        column = columns[0] if len(columns) == 1 else np.concatenate(columns)
        return column if isinstance(rows, slice) else column[rows]

    tables = [matches for _, matches in parts]
    masks = tuple(
        Masks(
            joined([table.masks[i].true_positive for table in tables]),  # type: ignore[arg-type]
            joined([table.masks[i].ignored for table in tables]),  # type: ignore[arg-type]
        )
        for i in range(len(lattice.parts()))
    )
    return Matches(
        begin,
        joined([table.label for table in tables]),  # type: ignore[arg-type]
        joined([table.scores for table in tables]),  # type: ignore[arg-type]
        masks,
    )


def _nothing(lattice: Lattice) -> Matches:
    masks = []
    for part in lattice.parts():
        lanes = len(lattice.iou_thresholds[part]) * len(lattice.area_ranges)
        masks.append(Masks(*(np.zeros((0, (lanes + 7) // 8), np.uint8) for _ in range(2))))
    return Matches(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0), tuple(masks))
