"""Extract the matches for one area range from a finished matching, without matching again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .matching import Lattice, Masks, Matches


def of_area(lattice: Lattice, matches: Matches, area: int) -> tuple[Lattice, Matches]:
    """The lattice reduced to one area range (by position), and the outcomes in that range, in one part.

    The result equals matching for this range alone, since lanes are matched independently.
    """
    alone = Lattice(lattice.rule, lattice.iou_thresholds, lattice.area_ranges[[area]])
    sizes = [len(lattice.iou_thresholds[part]) for part in lattice.parts()]

    def bits(kind: str) -> NDArray[np.uint8]:
        """[N, T] of one kind of outcome."""
        found = []
        for size, masks in zip(sizes, matches.masks, strict=True):
            every = np.unpackbits(getattr(masks, kind), axis=1, bitorder="little")
            found.append(every[:, area * size : (area + 1) * size])
        return np.concatenate(found, axis=1)

    both = [bits(kind) for kind in Masks._fields]
    parts = [Masks(*(np.packbits(kind[:, part], axis=1, bitorder="little") for kind in both)) for part in alone.parts()]
    return alone, replace(matches, masks=tuple(parts))
