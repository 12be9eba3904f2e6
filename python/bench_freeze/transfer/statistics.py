"""Numbers of several seeds on the same scored images: intervals over both, and paired differences between sources.

A number is a ratio of sums over images: hits over samples, intersections over unions. Images are resampled with
replacement, identically for every source, so a difference is paired image by image; seeds are paired by their training
samples. `stats/estimate.py` combines the two sources of chance.
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
MOST_AT_ONCE = 1 << 22  # numbers per part of the resamples: 32 MiB
SEED = 20260402
ALPHA = 0.05

Array = NDArray[np.float64]


class Scored(Protocol):
    """A number that is measured with several seeds on the same images."""

    @property
    def images(self) -> int:
        """The number of images that contribute."""

    def values(self, weights: Array) -> Array:
        """The number of every seed, [B, S], with the images weighted by `weights` [B, N]; NaN where it is undefined."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of sums over images: `over` [S, N] by seed and image, divided by `under` [N]."""

    over: Array
    under: Array

    @property
    def images(self) -> int:
        """The number of images that contribute."""
        return int(np.count_nonzero(self.under))

    def values(self, weights: Array) -> Array:
        """See `Scored.values`."""
        total = weights @ self.under
        with np.errstate(invalid="ignore", divide="ignore"):
            shares: Array = (weights @ self.over.T) / total[:, None]
        return shares


@dataclass(frozen=True)
class Less:
    """The difference b - a of two numbers on the same images with the same seeds."""

    b: Scored
    a: Scored

    @property
    def images(self) -> int:
        """The smaller of both numbers of images."""
        return min(self.a.images, self.b.images)

    def values(self, weights: Array) -> Array:
        """See `Scored.values`."""
        return self.b.values(weights) - self.a.values(weights)


def estimated(scored: Scored, images: int) -> Estimated:
    """The mean over seeds with its 95 % confidence interval; `images` is the number of all scored images."""
    return _known(scored, images)[0]


def compared(table: Sequence[tuple[str, float, Scored]], images: int) -> list[Compared]:
    """Compare every pair of sources at every share; p-values are adjusted over all of them.

    `table` has a number for each source and share; b is the later source of a pair.
    """
    return compared_by({"": table}, images)[""]


def compared_by(tables: Mapping[str, Sequence[tuple[str, float, Scored]]], images: int) -> dict[str, list[Compared]]:
    """Like `compared`, for several tables by name; p-values are adjusted over all tables together."""
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
    """Like `estimated`, with the unadjusted two-sided p-value of the hypothesis 0; None without an interval."""
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
    """The reason why nothing can be concluded about other images; None where something can."""
    if images < FEWEST_IMAGES:
        return "one scored image says nothing about others"
    if not varies(drawn):
        return "every resample of the images gives the same number, so they say nothing about others"
    return None


def resamples(images: int) -> Iterator[Array]:
    """Yield how often each image was drawn, in parts [_, N] with RESAMPLES rows in total.

    The resamples depend only on the number of images.
    """
    random = np.random.default_rng(SEED)
    at_once = max(1, MOST_AT_ONCE // images)
    for start in range(0, RESAMPLES, at_once):
        rows = min(at_once, RESAMPLES - start)
        drawn = random.integers(0, images, (rows, images)) + np.arange(rows)[:, None] * images
        yield np.bincount(drawn.ravel(), minlength=rows * images).reshape(rows, images).astype(np.float64)
