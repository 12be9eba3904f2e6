"""Noise of simulated runs for bench/interval_coverage.py, each with its true percentiles.

Nothing here is imported from bench_freeze. A run is one machine measuring one model; its durations are LEVEL_S times
exp(noise). The true percentile is defined as follows:

- For stationary noise (independent, autoregressive), it is the percentile of the distribution of every sample.
- For a machine with two states or with bursts, it is that of the states which the run visited, because a run that
  visited only one state cannot know the other. If one state has at least 9 of 10 samples (for bursts: all samples), it
  is that state's own percentile; otherwise it is the percentile of the long run, with the states' long-run shares.
- A random walk has no long run, so it is the percentile over all levels that the run passed, weighted by their
  duration. `at_start` is the percentile at the first level, where the next run would begin.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL_S = 0.01
NOISE = 0.02
SKEW = 0.8
NORMAL = NormalDist()
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """Samples in the order taken, the true percentile by percent, and the same at the run's first level."""

    samples_s: Array
    true_s: Callable[[float], float]
    at_start: Callable[[float], float]
    cut: Callable[[int], Run]  # the run as if it had ended after this number of samples


Model = Callable[[np.random.Generator, int], Run]


def independent(generator: np.random.Generator, n: int) -> Run:
    """Normal noise of 2 %."""
    return _stationary(generator.normal(0, NOISE, n), _normal)


def skewed(generator: np.random.Generator, n: int) -> Run:
    """Lognormal noise above a floor: 5 % at the median, with a long tail."""
    return _stationary(_skew(generator.normal(0, 1, n)), _skewed)


def autoregressive(rho: float) -> Model:
    """Autocorrelated normal noise of 2 %, AR(1)."""
    return lambda generator, n: _stationary(NOISE * _ar(generator, n, rho), _normal)


def skewed_autoregressive(rho: float) -> Model:
    """Skewed noise whose ranks are those of an AR(1)."""
    return lambda generator, n: _stationary(_skew(_ar(generator, n, rho)), _skewed)


def states(factor: float, enter: float, leave: float, least: float) -> Model:
    """Two states; a run with a share of at most `least` of one state counts as a run of the other state."""
    share, high = enter / (enter + leave), math.log(factor)

    def make(generator: np.random.Generator, n: int) -> Run:
        coins = generator.random(n)
        is_high = np.empty(n, np.bool_)
        is_high[0] = coins[0] < share
        for i in range(1, n):
            is_high[i] = coins[i] >= leave if is_high[i - 1] else coins[i] < enter

        def parts(seen: float) -> list[tuple[float, float]]:
            if least < seen < 1 - least:
                return [(1 - share, 0.0), (share, high)]
            return [(1.0, 0.0 if seen <= least else high)]

        levels = np.where(is_high, high, 0.0)
        samples = LEVEL_S * np.exp(levels + generator.normal(0, NOISE, n))
        return _of_levels(samples, levels, lambda k: parts(float(is_high[:k].mean())))

    return make


def walk(step: float) -> Model:
    """A random walk with `step` per sample, plus normal noise."""

    def make(generator: np.random.Generator, n: int) -> Run:
        levels = np.cumsum(generator.normal(0, step, n))
        samples = LEVEL_S * np.exp(levels + generator.normal(0, NOISE, n))
        return _of_levels(samples, levels, lambda k: [(1 / k, float(level)) for level in levels[:k]])

    return make


MODELS: dict[str, Model] = {
    "independent, normal": independent,
    "independent, skewed": skewed,
    "AR(1) .3": autoregressive(0.3),
    "AR(1) .5": autoregressive(0.5),
    "AR(1) .67": autoregressive(0.67),
    "AR(1) .9": autoregressive(0.9),
    "AR(1) .5, skewed": skewed_autoregressive(0.5),
    "two states x1.06, p = .005": states(1.06, 0.005, 0.005, 0.1),
    "bursts x1.15, of 10, 9 % of the time": states(1.15, 0.01, 0.1, 0.0),
    "random walk .2 % a sample": walk(0.002),
}


def same_truth(samples: Array, true: Callable[[float], float]) -> Run:
    """A run whose true percentiles do not depend on where it ends."""
    return Run(samples, true, true, lambda k: same_truth(samples[:k], true))


def _stationary(logs: Array, true: Callable[[float], float]) -> Run:
    return same_truth(LEVEL_S * np.exp(logs), true)


def _of_levels(samples: Array, levels: Array, parts: Callable[[int], list[tuple[float, float]]]) -> Run:
    """A run of normal noise at `levels`; `parts(n)` has the shares and levels that define the truth of n samples."""
    first = [(1.0, float(levels[0]))]
    return Run(
        samples,
        lambda percent: _of_mixture(parts(len(samples)), percent),
        lambda percent: _of_mixture(first, percent),
        lambda k: _of_levels(samples[:k], levels, parts),
    )


def _ar(generator: np.random.Generator, n: int, rho: float) -> Array:
    values, steps = np.empty(n), generator.normal(0, math.sqrt(1 - rho**2), n)
    values[0] = generator.normal()
    for i in range(1, n):
        values[i] = rho * values[i - 1] + steps[i]
    return values


def _skew(normal: Array) -> Array:
    return 0.05 * np.exp(SKEW * normal)


def _normal(percent: float) -> float:
    return LEVEL_S * math.exp(NOISE * NORMAL.inv_cdf(percent / 100))


def _skewed(percent: float) -> float:
    return LEVEL_S * math.exp(0.05 * math.exp(SKEW * NORMAL.inv_cdf(percent / 100)))


def _of_mixture(parts: list[tuple[float, float]], percent: float) -> float:
    """The percentile of a mixture of normal noise around levels with shares, by bisection."""
    shares, levels = np.array(parts).T
    low, high = float(levels.min()) - 1, float(levels.max()) + 1
    for _ in range(30):
        middle = (low + high) / 2
        below = sum(share * NORMAL.cdf((middle - level) / NOISE) for share, level in zip(shares, levels, strict=True))
        low, high = (middle, high) if below < percent / 100 else (low, middle)
    return LEVEL_S * math.exp(low)
