"""Percentiles with distribution-free confidence bounds: order statistics, the binomial distribution, and dependence.

Of n independent samples, the number that lie at or below the true p-quantile is binomial(n, p) for any distribution.
So the k-th smallest sample is a lower bound of the quantile with probability P(B >= k), and the l-th and u-th smallest
enclose it with probability at least P(l <= B < u). See David and Nagaraja, Order Statistics, section 7.1.

Samples of one run are not independent. The variance of that number is then inflated (dependence.py). The ranks of the
bounds move outwards by the square root of the inflation, and by Student's t over the normal quantile, because the
inflation is itself an estimate. It is estimated at the quantile and at each bound, and the larger estimate is used:
a value is excluded only if the samples below it, with their own dependence, support that.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from .dependence import variance_inflation

# Samples that a percentile needs before it is reported: MLPerf Inference's early-stopping minimums at 99 % confidence.
# The median is reported for any number of samples; its bounds show how uncertain it is.
MIN_SAMPLES: dict[float, int] = {50: 1, 90: 64, 95: 130, 99: 662, 99.9: 6636}
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Percentile:
    """One percentile of a scope, in seconds.

    Below MIN_SAMPLES, `value_s` is None and `missing` is the number of samples still needed. A bound is None where no
    sample lies beyond the quantile with the requested confidence.
    """

    percent: float
    value_s: float | None
    low_s: float | None
    high_s: float | None
    confidence: float
    missing: int


def percentile(ordered_s: Sequence[float], percent: float, confidence: float = CONFIDENCE) -> Percentile:
    """A percentile of independent samples in ascending order, by nearest rank, with its bounds.

    Raises KeyError for a percentile that MIN_SAMPLES does not list.
    """
    n = len(ordered_s)
    missing = max(0, MIN_SAMPLES[percent] - n)
    if missing:
        return Percentile(percent, None, None, None, confidence, missing)
    return _at_ranks(ordered_s, percent, bound_ranks(n, percent / 100, confidence), confidence)


def percentile_in_time(samples_s: Sequence[float], percent: float, confidence: float = CONFIDENCE) -> Percentile:
    """A percentile of the samples of one run, in the order taken: their dependence widens the bounds.

    Without dependence it equals `percentile`.
    """
    values = np.asarray(samples_s, np.float64)
    ordered = np.sort(values)
    if len(values) < MIN_SAMPLES[percent]:
        return percentile(ordered.tolist(), percent, confidence)
    ranks = dependent_ranks(values, ordered, percent, confidence)
    return _at_ranks(ordered.tolist(), percent, ranks, confidence)


def dependent_ranks(
    values: NDArray[np.float64], ordered: NDArray[np.float64], percent: float, confidence: float
) -> tuple[int, int]:
    """Ranks as in `bound_ranks`, for samples in the order taken.

    The median's ranks are clamped to the smallest and the largest sample; the verdict reports a run that knows no more
    than that. A higher percentile has no upper bound where no sample is known to lie beyond it.
    """
    n, p = len(values), percent / 100
    low, high = bound_ranks(n, p, confidence)

    def inflation(at: int) -> float:
        return variance_inflation((values <= ordered[min(max(at, 1), n - 1) - 1]).astype(np.float64)) if n > 1 else 1.0

    def farther(distance: float, by: float) -> int:
        wider = _student_over_normal(confidence, n / by - 1) if by > 1 else 1.0
        return round(n * p + math.sqrt(by) * wider * distance)

    own = inflation(rank(n, percent))
    below, above = (max(own, inflation(farther(bound - n * p, own))) for bound in (low, high))
    first, last = (1, n) if percent == 50 and low >= 1 and high <= n else (0, n + 1)
    return max(first, farther(low - n * p, below)), min(last, farther(high - n * p, above))


def _student_over_normal(confidence: float, degrees: float) -> float:
    """Student's t over the normal quantile, by the first terms of the series in Abramowitz and Stegun, 26.7.5."""
    square = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    degrees = max(degrees, 1.0)
    return 1 + (square + 1) / (4 * degrees) + (5 * square**2 + 16 * square + 3) / (96 * degrees**2)


def _at_ranks(ordered_s: Sequence[float], percent: float, ranks: tuple[int, int], confidence: float) -> Percentile:
    n, (low, high) = len(ordered_s), ranks
    return Percentile(
        percent,
        ordered_s[rank(n, percent) - 1],
        ordered_s[low - 1] if low >= 1 else None,
        ordered_s[high - 1] if high <= n else None,
        confidence,
        0,
    )


def rank(n: int, percent: float) -> int:
    """The nearest rank, from 1: the smallest k such that k samples are at least `percent` % of n."""
    return min(n, max(1, math.ceil(percent / 100 * n - 1e-9)))  # 99.9 / 100 * 1000 is a hair above 999


def nearest_rank(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` % of the samples do not exceed."""
    return sorted(samples)[rank(len(samples), percent) - 1]


@lru_cache(maxsize=256)
def bound_ranks(n: int, p: float, confidence: float) -> tuple[int, int]:
    """Ranks, from 1, of the samples that enclose the p-quantile; each tail is at most (1 - confidence) / 2.

    The lower rank is 0, or the upper n + 1, where n samples do not reach that far.
    """
    tail = (1 - confidence) / 2
    first, cumulative = _binomial_cdf(n, p)
    # Lower: the largest l with P(B < l) <= tail. Upper: the smallest u with P(B < u) >= 1 - tail.
    low = first + bisect_left(cumulative, math.nextafter(tail, 1.0))
    high = first + bisect_left(cumulative, 1 - tail) + 1
    return low, high


def minimum_samples(p: float, confidence: float = 0.99) -> int:
    """MLPerf's early-stopping minimum for a p-quantile: the fewest samples whose second largest bounds it from above.

    That is the smallest n with P(binomial(n, 1 - p) <= 1) <= 1 - confidence. See "Early Stopping" in the MLPerf
    Inference rules, which allow one sample above the latency bound at this count.
    """
    n = 1
    while p**n + n * (1 - p) * p ** (n - 1) > 1 - confidence:
        n += 1
    return n


def _binomial_cdf(n: int, p: float) -> tuple[int, list[float]]:
    """(k0, [P(B <= k0), P(B <= k0 + 1) ...]) of binomial(n, p), over all k that matter.

    The probability beyond 12 standard deviations plus 40 is too small to change a double near 1.
    """
    reach = 12 * math.sqrt(n * p * (1 - p)) + 40
    first, last = max(0, math.floor(n * p - reach)), min(n, math.ceil(n * p + reach))
    log_p, log_q, log_n = math.log(p), math.log1p(-p), math.lgamma(n + 1)
    total, cumulative = 0.0, []
    for k in range(first, last + 1):
        total += math.exp(log_n - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * log_p + (n - k) * log_q)
        cumulative.append(min(total, 1.0))
    return first, cumulative
