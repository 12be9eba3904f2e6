"""Numbers of several seeds on the same scored images: intervals over both, and paired differences between sources.

A number is a mean over images of parts that add up: hits over samples, intersections over unions. Resampled images are
drawn with replacement, the same for every source, so a difference is paired image by image; seeds are paired by their
training samples. `stats/estimate.py` puts the two sources of chance together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..evaluate.variation import FEWEST_IMAGES, varies
from ..results.estimated import Compared, Covers, Estimated
from ..stats.estimate import Estimate, over_both, over_images, over_seeds
from ..stats.multiple import holm

RESAMPLES = 4000
MOST_AT_ONCE = 1 << 22  # numbers of a part: 32 MiB
SEED = 20260402
ALPHA = 0.05

Array = NDArray[np.float64]


class Scored(Protocol):
    """A number that several seeds have on the same images."""

    @property
    def images(self) -> int:
        """How many images can be drawn."""

    def values(self, weights: Array) -> Array:
        """[B, S] the number of every seed where the images count as often as `weights` [B, N] say; NaN where none."""


@dataclass(frozen=True)
class Ratio:
    """A share that adds up over images: `over` [S, N] per image over `under` [N], of every seed."""

    over: Array
    under: Array

    @property
    def images(self) -> int:
        """Those that have a part in it."""
        return int(np.count_nonzero(self.under))

    def values(self, weights: Array) -> Array:
        """As `Scored` has it."""
        total = weights @ self.under
        with np.errstate(invalid="ignore", divide="ignore"):
            shares: Array = (weights @ self.over.T) / total[:, None]
        return shares


@dataclass(frozen=True)
class Less:
    """The difference of two numbers on the same images with the same seeds."""

    b: Scored
    a: Scored

    @property
    def images(self) -> int:
        """Those of both."""
        return min(self.a.images, self.b.images)

    def values(self, weights: Array) -> Array:
        """As `Scored` has it."""
        return self.b.values(weights) - self.a.values(weights)


def estimated(scored: Scored, images: int) -> Estimated:
    """The mean over seeds with its 95 % interval; `images` is how many there are in all."""
    return _known(scored, images)[0]


def compared(table: Sequence[tuple[str, float, Scored]], images: int) -> list[Compared]:
    """Every pair of sources at every share, the p values adjusted for all of them together.

    `table` has a number for each source and share; b is the later source of a pair.
    """
    return compared_by({"": table}, images)[""]


def compared_by(tables: Mapping[str, Sequence[tuple[str, float, Scored]]], images: int) -> dict[str, list[Compared]]:
    """The same of several tables by name, the p values adjusted for all of all tables together."""
    pairs = [
        (name, a, b, share, *_known(Less(other, own), images))
        for name, table in tables.items()
        for (a, share, own), (b, other_share, other) in combinations(table, 2)
        if share == other_share and a != b
    ]
    p_values = [estimate.p_value() for *_, found, estimate in pairs if estimate is not None and found.low is not None]
    adjusted = iter(holm(p_values).tolist())
    compared_pairs: dict[str, list[Compared]] = {name: [] for name in tables}
    for name, a, b, share, found, estimate in pairs:
        p = next(adjusted) if estimate is not None and found.low is not None else None
        shown = None if p is None or found.covers != "images and seeds" else p <= ALPHA
        compared_pairs[name].append(Compared(a=a, b=b, data_fraction=share, difference=found, p=p, shown=shown))
    return compared_pairs


def against_zero(scored: Scored, images: int) -> tuple[Estimated, float | None]:
    """`estimated`, and the two-sided p of the value 0, not adjusted; None without an interval."""
    found, estimate = _known(scored, images)
    return found, None if estimate is None else estimate.p_value()


def _known(scored: Scored, images: int) -> tuple[Estimated, Estimate | None]:
    whole = scored.values(np.ones((1, images)))[0]
    value = float(np.mean(whole))
    drawn = np.concatenate([np.mean(scored.values(weights), axis=1) for weights in resamples(images)])
    by_seed = over_seeds(whole.tolist()) if len(whole) > 1 else None
    why_not = _silence(scored.images, drawn)
    if why_not is not None:
        return Estimated(value=value, low=None, high=None, covers="nothing", no_interval=why_not), None
    by_image = over_images(value, drawn, scored.images)
    estimate = by_image if by_seed is None else over_both(by_seed, by_image)
    covers: Covers = "images" if by_seed is None else "images and seeds"
    low, high = estimate.interval()
    return Estimated(value=value, low=low, high=high, covers=covers), estimate


def _silence(images: int, drawn: Array) -> str | None:
    """Why nothing can be said of other images; None where something can."""
    if images < FEWEST_IMAGES:
        return "one scored image says nothing about others"
    if not varies(drawn):
        return "every resample of the images gives the same number, so they say nothing about others"
    return None


def resamples(images: int) -> Iterator[Array]:
    """How often each image was drawn, RESAMPLES rows [_, N] in all, in parts; equal for equal numbers of images."""
    random = np.random.default_rng(SEED)
    at_once = max(1, MOST_AT_ONCE // images)
    for start in range(0, RESAMPLES, at_once):
        rows = min(at_once, RESAMPLES - start)
        drawn = random.integers(0, images, (rows, images)) + np.arange(rows)[:, None] * images
        yield np.bincount(drawn.ravel(), minlength=rows * images).reshape(rows, images).astype(np.float64)
