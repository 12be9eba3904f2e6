"""Other rules for two runs of samples, with which bench/check_simulation.py compares the check; True is an alarm."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench_freeze.stats.level import level, welch_df
from bench_freeze.stats.multiple import holm
from bench_freeze.stats.student import quantile, two_sided_p

Trace = NDArray[np.float64]
ASSUMED = 0.005  # the earlier check assumed that whole runs differ by this standard deviation


def before(pairs: list[tuple[Trace, Trace]], others: int) -> bool:
    """This project's earlier rule: block bootstrap of both runs, 0.5 % assumed between runs, Holm at 2 %."""
    p_values, beyond = [], []
    for reference, current in pairs:
        a, b = level(reference), level(current)
        variances = [a.variance + ASSUMED**2, b.variance + ASSUMED**2]
        se, df = math.sqrt(sum(variances)), welch_df([(variances[0], a.df), (variances[1], b.df)])
        worse = math.log(b.median_s / a.median_s)
        tail = two_sided_p(worse / se, df) / 2
        p_values.append(tail if worse > 0 else 1 - tail)
        beyond.append(worse - quantile(0.95, df) * se > math.log(1.05))
    adjusted = holm([*p_values, *[1.0] * others])[: len(pairs)]
    return any(p < 0.02 and far for p, far in zip(adjusted, beyond, strict=True))


def ratio_of_medians(reference: Trace, current: Trace) -> bool:
    """The median rose by more than 5 %."""
    return bool(np.median(current) > 1.05 * np.median(reference))


def mann_whitney(reference: Trace, current: Trace) -> bool:
    """Two-sided p < 0.05 by the normal approximation (no ties in durations), and slower."""
    n, m = len(reference), len(current)
    order = np.argsort(np.concatenate([reference, current]), kind="stable")
    ranks = np.empty(n + m)
    ranks[order] = np.arange(1, n + m + 1)
    u = ranks[n:].sum() - m * (m + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return bool(z > 1.959964)


def t_test(reference: Trace, current: Trace) -> bool:
    """Welch's t-test, two-sided p < 0.05 (normal approximation, for many samples), and slower."""
    se = math.sqrt(reference.var(ddof=1) / len(reference) + current.var(ddof=1) / len(current))
    return bool(current.mean() - reference.mean() > 1.959964 * se)


OTHERS = {"median ratio > 5 %": ratio_of_medians, "Mann-Whitney p < 0.05": mann_whitney, "t-test p < 0.05": t_test}
