"""Percentiles with distribution-free confidence bounds: order statistics and the binomial distribution, nothing else.

The number of n independent samples that lie at or below the true p-quantile is binomial(n, p), whatever they are
distributed like. So the k-th smallest sample is a lower bound of the quantile with probability P(B >= k), and the pair
of the l-th and u-th encloses it with probability at least P(l <= B < u). See David and Nagaraja, Order Statistics, 7.1.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

# Samples that a percentile needs before it is stated: MLPerf Inference's early-stopping minimums at 99 % confidence.
# The median is stated of any number of samples; its bounds say how little that is worth.
MIN_SAMPLES: dict[float, int] = {50: 1, 90: 64, 95: 130, 99: 662, 99.9: 6636}
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Percentile:
    """One percentile of a scope, in seconds.

    `value_s` is None below MIN_SAMPLES, and `missing` then is the number of samples that were missing. A bound is None
    where the samples do not reach it: no sample lies beyond the quantile with the confidence asked for.
    """

    percent: float
    value_s: float | None
    low_s: float | None
    high_s: float | None
    confidence: float
    missing: int


def percentile(ordered_s: Sequence[float], percent: float, confidence: float = CONFIDENCE) -> Percentile:
    """A percentile of samples in ascending order, by nearest rank, with its bounds.

    The bounds hold for independent samples; correlated ones (stability.py) say less than their number.
    """
    n = len(ordered_s)
    missing = max(0, MIN_SAMPLES[percent] - n)
    if missing:
        return Percentile(percent, None, None, None, confidence, missing)
    low, high = bound_ranks(n, percent / 100, confidence)
    return Percentile(
        percent,
        ordered_s[rank(n, percent) - 1],
        ordered_s[low - 1] if low >= 1 else None,
        ordered_s[high - 1] if high <= n else None,
        confidence,
        0,
    )


def rank(n: int, percent: float) -> int:
    """The nearest rank, from 1: the smallest k so that k of n samples are at least `percent` % of them."""
    return min(n, max(1, math.ceil(percent / 100 * n - 1e-9)))  # 99.9 / 100 * 1000 is a hair above 999


def nearest_rank(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` % of the samples do not exceed."""
    return sorted(samples)[rank(len(samples), percent) - 1]


@lru_cache(maxsize=256)
def bound_ranks(n: int, p: float, confidence: float) -> tuple[int, int]:
    """Ranks from 1 of the samples that enclose the p-quantile, each tail at most (1 - confidence) / 2.

    The lower is 0 and the upper n + 1 where no sample of n reaches that far.
    """
    tail = (1 - confidence) / 2
    first, cumulative = _binomial_cdf(n, p)
    # Lower: the largest l with P(B < l) <= tail. Upper: the smallest u with P(B < u) >= 1 - tail.
    low = first + bisect_left(cumulative, math.nextafter(tail, 1.0))
    high = first + bisect_left(cumulative, 1 - tail) + 1
    return low, high


def minimum_samples(p: float, confidence: float = 0.99) -> int:
    """MLPerf's early-stopping minimum for a p-quantile: the fewest samples whose second largest bounds it from above.

    That is the smallest n with P(binomial(n, 1 - p) <= 1) <= 1 - confidence; see "Early Stopping" in the MLPerf
    Inference rules, which allow one sample over the latency at this number.
    """
    n = 1
    while p**n + n * (1 - p) * p ** (n - 1) > 1 - confidence:
        n += 1
    return n


def _binomial_cdf(n: int, p: float) -> tuple[int, list[float]]:
    """(k0, [P(B <= k0), P(B <= k0 + 1) ...]) of binomial(n, p), over all k that matter.

    Beyond twelve standard deviations and a few dozen there is less probability than a double can add to 1.
    """
    reach = 12 * math.sqrt(n * p * (1 - p)) + 40
    first, last = max(0, math.floor(n * p - reach)), min(n, math.ceil(n * p + reach))
    log_p, log_q, log_n = math.log(p), math.log1p(-p), math.lgamma(n + 1)
    total, cumulative = 0.0, []
    for k in range(first, last + 1):
        total += math.exp(log_n - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * log_p + (n - k) * log_q)
        cumulative.append(min(total, 1.0))
    return first, cumulative
