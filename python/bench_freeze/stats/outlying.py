"""Trainings whose result is an outlier among the seeds of their arm."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .student import quantile

ALPHA = 0.01  # of any false detection in a study
LEAST = 0.01  # AP: smaller deviations do not count
MOST_SHARE = 0.3  # of all values: a larger share would not be outliers


def outlying(groups: Sequence[Sequence[float]], alpha: float = ALPHA, least: float = LEAST) -> list[tuple[int, int]]:
    """Positions (group, value) of the outliers, given the other values of their group and the spread of all groups.

    This is Rosner's many-outlier rule (1983) for groups with a common spread. It repeatedly removes the value that is
    farthest from the mean of its group's others, in standard errors pooled over all groups without it. The last removed
    value that is significant (Student's t, adjusted for the number of values) is an outlier, and so are all removed
    before it; outliers therefore cannot mask each other. A group keeps at least two values. A single group of three
    values yields no outlier, because two values say too little about the spread. bench/seed_coverage.py measures the
    rates.
    """
    kept = [dict(enumerate(values)) for values in groups]
    count = sum(map(len, kept))
    taken: list[tuple[int, int]] = []
    last = 0
    for _ in range(max(1, int(count * MOST_SHARE))):
        found = _farthest(kept)
        if found is None:
            break
        (group, at), distance, t, degrees, values = found
        taken.append((group, at))
        del kept[group][at]
        if distance >= least and t > quantile(1 - alpha / (2 * values), degrees):
            last = len(taken)
    return sorted(taken[:last])


Farthest = tuple[tuple[int, int], float, float, float, int]


def _farthest(kept: Sequence[dict[int, float]]) -> Farthest | None:
    """The value with the largest t: its position, distance from its group's others, t, degrees, and candidates."""
    squares = [_squares(list(group.values())) for group in kept]
    degrees = sum(len(group) - 1 for group in kept if group) - 1
    candidates = [(g, at) for g, group in enumerate(kept) if len(group) > 2 for at in group]
    best: Farthest | None = None
    for g, at in candidates:
        others = [value for other, value in kept[g].items() if other != at]
        distance = abs(kept[g][at] - math.fsum(others) / len(others))
        pooled = math.fsum(squares[:g] + squares[g + 1 :]) + _squares(others)
        error = math.sqrt(pooled / degrees * (1 + 1 / len(others)))
        t = distance / error if error > 0 else math.inf if distance > 0 else 0.0
        if best is None or (t, distance) > (best[2], best[1]):
            best = ((g, at), distance, t, float(degrees), len(candidates))
    return best


def _squares(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values) if values else 0.0
    return math.fsum((value - mean) ** 2 for value in values)
