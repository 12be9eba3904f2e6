"""Matches of updates in any order: kept per update, and joined to those of the whole data set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..kernels.matching import Lattice, Masks, MatchedImages, Matches

_BLOCK_ROWS = 1 << 19  # rows up to which small updates are joined: single ones would fragment the memory
_BLOCK_UPDATES = 1 << 12  # and cost the overhead of many arrays


class Updates:
    """The matches of all updates. They never change once kept, so that results can share them."""

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
        """All updates, in an arbitrary order and grouping."""
        return (*self._blocks, *self._small)


class Found:
    """Matches of a data set of I images: in parts, and joined once they are read image by image."""

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
        """The matches of every image, in ascending order; a copy if there is more than one part."""
        matches = join_matches(self.parts, self._images, self._lattice)
        self.parts = (MatchedImages.first(matches),)  # frees the single parts
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
        start = np.empty(images, np.int64)  # the first row of each image, one part after the other
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
