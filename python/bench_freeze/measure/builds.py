"""How much the builds of one model differ, separated from how much the calls of one build differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class BuildSpread:
    """Standard deviations in seconds.

    `between_s` is the spread of the builds' means, `within_s` the spread of calls around the mean of their build.
    """

    builds: int
    between_s: float
    within_s: float


def build_spread(groups: Sequence[Sequence[float]]) -> BuildSpread | None:
    """Split the variance of latencies into its two parts; `groups` holds the samples of each build, in seconds.

    These are the analysis-of-variance estimators of a one-way random model with unequal groups (Searle, Casella,
    McCulloch, Variance Components, 1992, section 3.6). A negative estimate of the part between builds becomes 0.
    Returns None unless at least two builds have two samples or more.
    """
    kept = [group for group in groups if len(group) > 1]
    if len(kept) < 2:
        return None
    sizes = [len(group) for group in kept]
    total = sum(sizes)
    means = [math.fsum(group) / len(group) for group in kept]
    mean = math.fsum(n * m for n, m in zip(sizes, means, strict=True)) / total
    within = math.fsum((x - m) ** 2 for group, m in zip(kept, means, strict=True) for x in group) / (total - len(kept))
    between = math.fsum(n * (m - mean) ** 2 for n, m in zip(sizes, means, strict=True)) / (len(kept) - 1)
    usual_size = (total - sum(n * n for n in sizes) / total) / (len(kept) - 1)
    return BuildSpread(len(kept), math.sqrt(max(0.0, (between - within) / usual_size)), math.sqrt(within))
