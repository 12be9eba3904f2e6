"""Whether samples are of one and the same state of the machine: drift, steps, shifts, and dependence in time."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from .dependence import independent_samples, shift

BLOCKS = 20
MIN_BLOCKS = 8  # fewer medians show no trend at 1 %
MIN_BLOCK_SAMPLES = 4


@dataclass(frozen=True)
class Stability:
    """How level a run was.

    `drift` is the change from its beginning to its end over its median (Theil-Sen line through the medians of blocks),
    `drift_z` the Mann-Kendall statistic of those medians: standard normal without a trend. `steps` is the largest
    block median over the smallest, minus 1. `shift` is the statistic of a level that is another in a stretch.
    `independent` is the number of independent samples that would know the median as well as these.
    """

    drift: float
    drift_z: float
    steps: float
    shift: float
    independent: float


def stability(samples_s: Sequence[float], period: int = 1) -> Stability | None:
    """Look at samples in the order taken; None where there are too few to tell (32).

    With `period` distinct inputs taken in turn, every sample is compared with others of its input: durations that
    follow the content of images are not drift. With fewer than two rounds of the inputs it is left out.
    """
    n = len(samples_s)
    blocks = min(BLOCKS, n // MIN_BLOCK_SAMPLES)
    if blocks < MIN_BLOCKS:
        return None
    values = relative(samples_s, period)
    edges = [n * k // blocks for k in range(blocks + 1)]
    medians = [statistics.median(values[a:b]) for a, b in pairwise(edges)]
    smallest = min(medians)
    return Stability(
        drift=_theil_sen(medians) * (blocks - 1) / (statistics.median(medians) or math.inf),
        drift_z=_mann_kendall(medians),
        steps=max(medians) / smallest - 1 if smallest > 0 else math.inf,
        shift=shift(values),
        independent=independent_samples(values),
    )


def relative(samples_s: Sequence[float], period: int) -> list[float]:
    """Every sample over the median of the samples of its input; with fewer than two rounds over that of all."""
    period = period if len(samples_s) >= 2 * period else 1
    middle = [statistics.median(samples_s[k::period]) or 1.0 for k in range(period)]
    return [s / middle[i % period] for i, s in enumerate(samples_s)]


def _theil_sen(values: Sequence[float]) -> float:
    """Slope per step: the median of the slopes of all pairs, unmoved by a few outliers (Sen 1968)."""
    pairs = combinations(enumerate(values), 2)
    return statistics.median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in pairs)


def _mann_kendall(values: Sequence[float]) -> float:
    """The trend statistic with correction for ties and continuity (Kendall 1975); 0 where all are equal."""
    n = len(values)
    score = sum((later > earlier) - (later < earlier) for earlier, later in combinations(values, 2))
    ties = sum(t * (t - 1) * (2 * t + 5) for t in (values.count(v) for v in set(values)))
    variance = (n * (n - 1) * (2 * n + 5) - ties) / 18
    return (score - math.copysign(1, score)) / math.sqrt(variance) if score and variance > 0 else 0.0
