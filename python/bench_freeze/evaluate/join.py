"""Matches of single updates: kept as they came, and as those of the whole data set, whatever order they came in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..kernels.matching import Lattice, Masks, MatchedImages, Matches

_BLOCK_ROWS = 1 << 19  # small updates are put together up to so many rows: they would leave holes in the memory
_BLOCK_UPDATES = 1 << 12  # ... and headers of arrays


class Updates:
    """Matches as updates bring them; what is kept of an update is never changed, so that results can share it."""

    def __init__(self) -> None:
        self._blocks: list[MatchedImages] = []
        self._small: list[MatchedImages] = []
        self._small_rows = 0

    def add(self, update: MatchedImages) -> None:
        """Keep an update."""
        rows = len(update.matches.label)
        if rows >= _BLOCK_ROWS // 4:
            self._blocks.append(update)
            return
        self._small.append(update)
        self._small_rows += rows
        if self._small_rows >= _BLOCK_ROWS or len(self._small) >= _BLOCK_UPDATES:
            self._blocks.append(_behind_each_other(self._small))
            self._small, self._small_rows = [], 0

    def parts(self) -> tuple[MatchedImages, ...]:
        """All of them; in which order and how many together says nothing."""
        return (*self._blocks, *self._small)


class Found:
    """Matches of a data set of I images: part by part, and joined once something reads them image by image."""

    def __init__(self, parts: Sequence[MatchedImages], images: int, lattice: Lattice) -> None:
        self.parts = tuple(parts)
        self._images, self._lattice = images, lattice

    @classmethod
    def whole(cls, matches: Matches, lattice: Lattice) -> Found:
        """Matches of every image, in order."""
        return cls([MatchedImages.first(matches)], len(matches.begin) - 1, lattice)

    @property
    def rows(self) -> int:
        """How many detections there are."""
        return sum(len(part.matches.label) for part in self.parts)

    @cached_property
    def joined(self) -> Matches:
        """Of every image, in ascending order; a copy, where there is more than one part."""
        matches = join_matches(self.parts, self._images, self._lattice)
        self.parts = (MatchedImages.first(matches),)  # the single ones need not be held any more
        return matches


def _behind_each_other(updates: Sequence[MatchedImages]) -> MatchedImages:
    tables = [update.matches for update in updates]
    sizes = np.concatenate([np.diff(table.begin) for table in tables])
    masks = zip(*(table.masks for table in tables), strict=True)
    matches = Matches(
        np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]),
        np.concatenate([table.label for table in tables]),
        np.concatenate([table.scores for table in tables]),
        tuple(Masks(*(np.concatenate(columns) for columns in zip(*pairs, strict=True))) for pairs in masks),
    )
    return MatchedImages(np.concatenate([update.images for update in updates]), matches)


def join_matches(parts: Sequence[MatchedImages], images: int, lattice: Lattice) -> Matches:
    """Matches of `images` images in ascending order."""
    if not parts:
        parts = [MatchedImages(np.zeros(0, np.int32), _nothing(lattice))]
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
