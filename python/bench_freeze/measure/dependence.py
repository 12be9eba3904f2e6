"""How much samples that follow each other in time know: what slows one call slows its neighbours.

The variance of a mean of n correlated values is that of n / inflation independent ones. The inflation is 1 plus twice
the sum of all autocorrelations. The sum is cut by Geyer's initial monotone sequence (Practical Markov chain Monte
Carlo, 1992): pairs of neighbouring lags are added while they are above 0 and none above the one before. It needs no
model of the noise and no block length, and it is the sum itself where correlations fall slowly, where a block bootstrap
of 200 samples keeps too little of it (bench/interval_coverage.py has both).
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST = 8  # samples: of fewer no correlation is read
SHORTEST_STRETCH = 0.1  # of a run, that a step is looked for beyond


def autocorrelation(values: NDArray[np.float64], lags: int) -> NDArray[np.float64] | None:
    """[lags + 1] from lag 0; None where all values are equal."""
    n = len(values)
    deviations = values - values.mean()
    power = np.abs(np.fft.rfft(deviations, 2 * n)) ** 2
    covariance = np.fft.irfft(power, 2 * n)[: lags + 1]
    return covariance / covariance[0] if covariance[0] > 1e-12 else None


def variance_inflation(values: NDArray[np.float64]) -> float:
    """The variance of the mean of values in the order taken over that of as many independent ones; at least 1.

    A correlation of neighbours within one standard error of 0 is taken for none. Autocorrelations of n values lie below
    the true ones by about inflation / n, because the mean is their own (Kendall 1954); that is added back.
    """
    n = len(values)
    found = autocorrelation(values, n // 2) if n >= FEWEST else None
    if found is None or found[1] < 1 / math.sqrt(n):
        return 1.0
    lifted = found + _initial_monotone(found) / n * (1 - np.arange(len(found)) / n)
    lifted[0] = 1.0
    return min(_initial_monotone(lifted), float(n))


def _initial_monotone(correlation: NDArray[np.float64]) -> float:
    pairs = correlation[: len(correlation) // 2 * 2].reshape(-1, 2).sum(axis=1)
    below = np.flatnonzero(pairs <= 0)
    kept = np.minimum.accumulate(pairs[: below[0]] if len(below) else pairs)
    return max(1.0, float(2 * kept.sum() - 1))


def normal_scores(values: ArrayLike) -> NDArray[np.float64]:
    """Values replaced by the normal quantiles of their ranks, ties by those of their middle rank.

    So one outlier is no more than the largest value, and a dependence is read alike whatever durations are distributed
    like.
    """
    array = np.asarray(values, np.float64)
    _, which, counts = np.unique(array, return_inverse=True, return_counts=True)
    middles = (np.cumsum(counts) - counts / 2) / len(array)
    return np.array([_normal_quantile(middle) for middle in middles.tolist()])[which.reshape(-1)]


@lru_cache(maxsize=8192)  # runs of one length ask for the same ones
def _normal_quantile(probability: float) -> float:
    return NormalDist().inv_cdf(probability)


def independent_samples(values: ArrayLike) -> float:
    """How many independent samples know a median as well as these, by the larger of two inflations.

    That of which samples lie above the median is what a median feels; that of the normal scores is known better.
    """
    array = np.asarray(values, np.float64)
    above = (array > np.median(array)).astype(np.float64)
    return len(array) / max(variance_inflation(above), variance_inflation(normal_scores(array)))


def shift(values: ArrayLike) -> float:
    """How clearly the level is another in one stretch of a run: the larger statistic of one step and of two.

    The step that explains most of the normal scores is taken out, then the next one. The statistic is the sum of
    squares that it explains (of two: their mean) over the long-run variance of what is left, that of a first-order
    autoregression: so correlated noise of one level is not a step (Andrews 1993). Of a level it exceeds 15 in up to 1 %
    of runs of 200 samples, and in 6 % where neighbours are correlated by .9.
    """
    scores = normal_scores(values)
    if len(scores) < 2 * FEWEST:
        return 0.0
    rest = _without_step(scores)
    last = _without_step(rest)
    squares = [float(np.sum(left**2)) for left in (scores - scores.mean(), rest, last)]
    variances = _long_run_variance(rest), _long_run_variance(last)
    if min(variances) <= 0:
        return 0.0
    return max((squares[0] - squares[1]) / variances[0], (squares[0] - squares[2]) / 2 / variances[1])


def _without_step(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Residuals of the step that explains most, with a tenth of the values or more on either side."""
    n = len(values)
    first = max(1, math.ceil(n * SHORTEST_STRETCH))
    before = np.arange(first, n - first + 1)
    sums = np.cumsum(values)
    levels = sums[before - 1] / before, (sums[-1] - sums[before - 1]) / (n - before)
    best = int(np.argmax(before * (n - before) * (levels[0] - levels[1]) ** 2))
    residuals: NDArray[np.float64] = values - np.where(np.arange(n) < before[best], levels[0][best], levels[1][best])
    return residuals


def _long_run_variance(residuals: NDArray[np.float64]) -> float:
    found = autocorrelation(residuals, 1)
    if found is None:
        return 0.0
    n, neighbours = len(residuals), float(found[1])
    neighbours = min(max(neighbours + (1 + 3 * neighbours) / n, 0.0), 0.97)  # less than the true one by that (Kendall)
    return float(residuals.var()) * (1 + neighbours) / (1 - neighbours)
