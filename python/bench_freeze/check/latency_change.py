"""The change of a latency, or of an energy, between runs that were hours apart.

What whole runs of one model differ by is in no single run: it is estimated from the runs of a baseline, and from
nothing else. A run deviates in two ways. All of its rows are slower together (a machine, an hour), and every row for
itself (where its memory lay). So the deviations of the logarithms are taken apart as in an analysis of variance of runs
by rows: the part of a run has few degrees of freedom, the part of a row is pooled over rows and has many.

No number of runs shows that a rarer state does not exist. A state that meets a run with probability q is in none of K
baseline runs and in the current one with probability q (1 - q)^K, which is at most 1 / (e (K + 1)) about. Only from
FEWEST_RUNS on is that below the 2 % that a check may be wrong, so before that an increase is not proven; and then it
must lie beyond the limit above every deviation that the baseline has seen in any row.
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
    """How whole runs of a baseline differ: the variance of one latency's logarithm, and the largest that was seen.

    `runs` are those that it was estimated from; with fewer than two there is no variance.
    """

    runs: int
    variance: float
    df: float
    largest: float  # deviation of a row from its mean over the runs, upwards

    @property
    def can_prove(self) -> bool:
        """Whether an increase may be proven against these runs at all."""
        return self.runs >= FEWEST_RUNS


def run_noise(logs: NDArray[np.float64]) -> RunNoise:
    """Of logarithms [runs, latencies] of one baseline."""
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
    """Current over the geometric mean of the baseline's runs; without a variance there is an estimate alone."""
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
    """Why an increase between runs that were hours apart is not proven."""
    said = "one baseline run says" if runs == 1 else f"{runs} baseline runs say"
    return f"{said} too little about how whole runs differ (at least {FEWEST_RUNS})"
