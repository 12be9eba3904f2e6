"""Whether all samples come from one state of the machine: drift, steps, shifts, and dependence in time."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from .dependence import independent_samples, shift

BLOCKS = 20
MIN_BLOCKS = 8  # fewer medians cannot show a trend at the 1 % level
MIN_BLOCK_SAMPLES = 4


@dataclass(frozen=True)
class Stability:
    """How level a run was.

    `drift` is the change from beginning to end relative to the median, by a Theil-Sen line through the medians of
    blocks. `drift_z` is the Mann-Kendall statistic of those medians: standard normal without a trend. `steps` is the
    largest block median over the smallest, minus 1. `shift` is the statistic of `dependence.shift`: how clearly the
    level differs in a stretch of the run. `independent` is the number of independent samples that would determine the
    median as well as these.
    """

    drift: float
    drift_z: float
    steps: float
    shift: float
    independent: float


def stability(samples_s: Sequence[float], period: int = 1) -> Stability | None:
    """Examine samples in the order taken; None for fewer than 32.

    With `period` distinct inputs in turn, every sample is compared with others of the same input, because durations
    that follow the content of images are not drift. With fewer than two rounds over the inputs, `period` is ignored.
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
    """Divide every sample by the median of its input's samples; with fewer than two rounds, by the median of all."""
    period = period if len(samples_s) >= 2 * period else 1
    middle = [statistics.median(samples_s[k::period]) or 1.0 for k in range(period)]
    return [s / middle[i % period] for i, s in enumerate(samples_s)]


def _theil_sen(values: Sequence[float]) -> float:
    """Slope per step: the median of the slopes of all pairs, robust to a few outliers (Sen 1968)."""
    pairs = combinations(enumerate(values), 2)
    return statistics.median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in pairs)


def _mann_kendall(values: Sequence[float]) -> float:
    """The trend statistic, corrected for ties and continuity (Kendall 1975); 0 where all values are equal."""
    n = len(values)
    score = sum((later > earlier) - (later < earlier) for earlier, later in combinations(values, 2))
    ties = sum(t * (t - 1) * (2 * t + 5) for t in (values.count(v) for v in set(values)))
    variance = (n * (n - 1) * (2 * n + 5) - ties) / 18
    return (score - math.copysign(1, score)) / math.sqrt(variance) if score and variance > 0 else 0.0
