"""The change of a latency or energy between recorded runs.

A single run does not show the variation between runs; only the runs of a baseline do. A run deviates in two ways: all
of its rows together (the machine, the hour), and each row separately (its memory layout). So the deviations of the
logarithms are decomposed by an analysis of variance of runs by rows. The part of the run has few degrees of freedom;
the part of the row is pooled over rows and has many.

No number of runs excludes a rarer slow state. A state that occurs in a run with probability q is in none of K baseline
runs but in the current one with probability q (1 - q)^K, at most about 1 / (e (K + 1)). This falls below 2 %, the error
rate of a check, only from FEWEST_RUNS runs on. With fewer runs no increase is proven; with enough, it must exceed the
limit on top of the largest deviation that the baseline has seen in any row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..stats.level import welch_df
from .change import Change

FEWEST_RUNS = 18  # the fewest K with K^K / (K + 1)^(K + 1) <= 2 %
FEWEST_ESTIMATED = 2  # runs, for a variance of any kind


@dataclass(frozen=True)
class RunNoise:
    """The variation between a baseline's runs: the variance of a latency's logarithm, and the largest deviation.

    `runs` is the number of runs behind the estimate; with fewer than two there is no variance.
    """

    runs: int
    variance: float
    df: float
    largest: float  # deviation of a row from its mean over the runs, upwards

    @property
    def can_prove(self) -> bool:
        """Whether there are enough runs to prove an increase."""
        return self.runs >= FEWEST_RUNS


def run_noise(logs: NDArray[np.float64]) -> RunNoise:
    """Estimate it from the logarithms [runs, latencies] of one baseline."""
    runs, count = logs.shape
    if runs < FEWEST_ESTIMATED or count == 0:
        return RunNoise(runs, math.nan, math.nan, math.nan)
    deviations = logs - logs.mean(axis=0)
    of_runs = deviations.mean(axis=1, keepdims=True)
    of_rows = deviations - of_runs
    mean_square_runs = count * float((of_runs**2).sum()) / (runs - 1)
    if count == 1:
        return RunNoise(runs, mean_square_runs, runs - 1.0, float(deviations.max()))
    df_rows = (runs - 1.0) * (count - 1.0)
    parts = [
        (mean_square_runs / count, runs - 1.0),
        (float((of_rows**2).sum()) / df_rows * (count - 1) / count, df_rows),
    ]
    return RunNoise(runs, sum(variance for variance, _ in parts), welch_df(parts), float(deviations.max()))


def change_between_runs(baseline: Sequence[float], current: float, noise: RunNoise) -> Change:
    """Ratio of the current value to the geometric mean of the baseline's runs; without a variance, only an estimate."""
    logs = np.log(np.asarray(baseline, np.float64))
    reference = math.exp(float(logs.mean()))
    worse = math.log(current / reference)
    if math.isnan(noise.variance):
        return Change(reference, current, worse, 0.0, 1.0, is_ratio=True, silence=too_few_runs(noise.runs))
    return Change(
        reference=reference,
        current=current,
        worse=worse,
        se=math.sqrt(noise.variance * (1 + 1 / len(logs))),
        df=noise.df,
        is_ratio=True,
        unproven=None if noise.can_prove else too_few_runs(noise.runs),
        margin=max(0.0, noise.largest),
        basis=f"{noise.runs} baseline runs",
    )


def too_few_runs(runs: int) -> str:
    """Why an increase between recorded runs is not proven."""
    said = "one baseline run shows" if runs == 1 else f"{runs} baseline runs show"
    return f"{said} too little of the variation between runs (at least {FEWEST_RUNS} are needed)"
