"""The rules that others use on two runs of samples, as bench/check_simulation.py compares with: True is an alarm."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Trace = NDArray[np.float64]


def ratio_of_means(reference: Trace, current: Trace) -> bool:
    """The mean rose by more than 5 %."""
    return bool(current.mean() > 1.05 * reference.mean())


def minimum(reference: Trace, current: Trace) -> bool:
    """pytest-benchmark's --benchmark-compare-fail=min:5%."""
    return bool(current.min() > 1.05 * reference.min())


def mann_whitney(reference: Trace, current: Trace) -> bool:
    """Two-sided p < 0.05 by the normal approximation (no ties in durations), and slower."""
    n, m = len(reference), len(current)
    order = np.argsort(np.concatenate([reference, current]), kind="stable")
    ranks = np.empty(n + m)
    ranks[order] = np.arange(1, n + m + 1)
    u = ranks[n:].sum() - m * (m + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return bool(z > 1.959964)


OTHERS = {"ratio of means > 1.05": ratio_of_means, "Mann-Whitney p < 0.05": mann_whitney, "min:5%": minimum}
