"""The level of one run: its median duration and the uncertainty of it, from raw samples in the order taken.

What slows one sample of a run also slows its neighbours, so 200 samples are worth fewer than 200 independent ones. The
resampling therefore draws whole blocks (circular block bootstrap, Politis and Romano 1992). Their length follows the
range of the correlation by the automatic rule of Politis and White (2004, corrected by Patton, Politis and White 2009).
The rule is applied to the indicator "above the median", because nothing else moves a median.

No resampling can see a drift, so its variance is added: a run that became slower might have been taken at any of its
levels. The variation between whole runs of a model is not included, because one run cannot show it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..measure.dependence import autocorrelation
from .student import quantile

RESAMPLES = 500
MIN_SAMPLES = 16
SEED = 20240131


@dataclass(frozen=True)
class Level:
    """The level of one run: its median in seconds, and the variance of the median's logarithm with its `df`."""

    median_s: float
    variance: float
    df: float

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Confidence interval of the median in seconds, by Student's t."""
        reach = quantile((1 + confidence) / 2, self.df) * math.sqrt(self.variance)
        return self.median_s * math.exp(-reach), self.median_s * math.exp(reach)


def level(samples_s: ArrayLike, seed: int = SEED) -> Level:
    """The level of one run from its samples in seconds; equal samples give equal numbers."""
    logs = np.log(np.asarray(samples_s, np.float64))
    n = len(logs)
    median = float(np.median(logs))
    block = block_length((logs > median).astype(np.float64))
    drawn = _resampled_medians(logs, block, RESAMPLES, seed)
    # Blocks of length b understate the variance of the whole by the share b / n (Künsch 1989).
    sampling = float(np.var(drawn)) * n / (n - block)
    # A line through a run without drift also has a slope. What noise explains of it is already in the variance.
    drift = max(0.0, _drift(logs) ** 2 / 12 - sampling)
    parts = [(sampling, max(3.0, n / block - 1)), (drift, 3.0)]
    return Level(math.exp(median), sampling + drift, welch_df(parts))


def block_length(values: NDArray[np.float64]) -> int:
    """Politis and White's automatic block length for the circular bootstrap: 1 to a fifth of the values."""
    n = len(values)
    longest = max(1, n // 5)
    correlation = autocorrelation(values, n // 2)
    if correlation is None:
        return 1
    quiet = max(5, math.ceil(math.sqrt(math.log10(n))))
    limit = 2 * math.sqrt(math.log10(n) / n)
    is_small = np.abs(correlation[1:]) < limit
    runs = np.convolve(is_small, np.ones(quiet), "valid") == quiet
    last = int(np.argmax(runs)) if runs.any() else len(correlation) - 1  # the last lag that matters
    width = min(2 * max(last, 1), len(correlation) - 1)
    lags = np.arange(-width, width + 1)
    flat_top = np.clip(2 * (1 - np.abs(lags) / width), 0, 1)  # 1 up to half the width, then down to 0
    weighted = flat_top * correlation[np.abs(lags)]
    spread = float(np.sum(np.abs(lags) * weighted))
    total = float(np.sum(weighted))
    if total <= 0 or spread <= 0:
        return 1
    length = (2 * spread**2 / (4 / 3 * total**2)) ** (1 / 3) * n ** (1 / 3)
    return int(np.clip(math.ceil(length), 1, longest))


def _resampled_medians(values: NDArray[np.float64], block: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """Medians of resamples of n values made of blocks of neighbours, (resamples,); the first value follows the last.

    The medians are found by counting instead of sorting: how often each value was drawn, in ascending order of the
    values, shows where the middle lies.
    """
    n = len(values)
    order = np.argsort(values, kind="stable")
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    starts = np.random.default_rng(seed).integers(0, n, (resamples, -(-n // block)))
    drawn = np.concatenate([rank, rank[:block]])[starts[:, :, None] + np.arange(block)].reshape(resamples, -1)[:, :n]
    cells = (drawn + n * np.arange(resamples)[:, None]).reshape(-1)
    below = np.cumsum(np.bincount(cells, minlength=resamples * n).reshape(resamples, n), axis=1)
    ordered = values[order]
    middles = [ordered[(below < k).sum(axis=1)] for k in ((n + 1) // 2, n // 2 + 1)]
    return np.asarray((middles[0] + middles[1]) / 2)


def _drift(logs: NDArray[np.float64]) -> float:
    """Drift from the first sample to the last: the Theil-Sen slope of the medians of blocks, times their number."""
    blocks = max(2, min(16, len(logs) // 8))
    middles = np.array([np.median(part) for part in np.array_split(logs, blocks)])
    i, j = np.triu_indices(blocks, 1)
    return float(np.median((middles[j] - middles[i]) / (j - i))) * blocks


def welch_df(parts: Sequence[tuple[float, float]]) -> float:
    """Welch-Satterthwaite degrees of freedom of a sum of parts, each a pair (variance, degrees of freedom)."""
    total = sum(variance for variance, _ in parts)
    below = sum(variance**2 / df for variance, df in parts)
    return max(1.0, total**2 / below) if below > 0 else 1e6
