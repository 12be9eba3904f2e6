"""Change points of a history: the runs at which the level of a metric changes.

The first step tests the whole series: does the mean of any stretch differ from the rest by more than chance? It is a
permutation test of the largest gain over all stretches, as in circular binary segmentation (Olshen et al. 2004): the
same values in random order show what chance does. So the test keeps its level for any noise that is independent of
time: normal, long-tailed, or one slow run in ten. Change points are placed only if it is significant: by PELT (Killick
et al. 2012) from the package ruptures, with least squares and the penalty that a change point in permuted residuals
would exceed with the same small probability. A level needs at least MIN_RUNS runs, so a single run is never a level.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALPHA = 0.02  # probability of any change point in a history without a change
MIN_RUNS = 3
PERMUTATIONS = 2000
SEED = 20240131
INSTALL = 'change points need the package ruptures: pip install "bench-freeze[history]"'


@dataclass(frozen=True)
class Change:
    """The level (a mean of values) is `before` up to the run at `position`, and `after` from that run on."""

    position: int
    before: float
    after: float

    @property
    def share(self) -> float | None:
        """The change as a share of the level before."""
        return (self.after - self.before) / abs(self.before) if self.before else None


def can_find_changes() -> bool:
    """Whether ruptures is installed."""
    from importlib.util import find_spec

    return find_spec("ruptures") is not None


def changes(values: ArrayLike, tests: int = 1) -> list[Change]:
    """Change points of one series of finite values in order of time; `tests` is the number of tested series.

    A series of fewer than 2 * MIN_RUNS values has none. Equal values give equal results.
    """
    series = np.asarray(values, np.float64)
    alpha = ALPHA / tests
    if len(series) < 2 * MIN_RUNS or np.ptp(series) == 0 or p_value(series, _permutations(alpha), alpha) > alpha:
        return []
    scaled = (series - series.mean()) / series.std()
    ends = _segments(scaled, _penalty(scaled, alpha))
    levels = [float(series[a:b].mean()) for a, b in pairwise([0, *ends])]
    return [Change(end, before, after) for end, (before, after) in zip(ends, pairwise(levels), strict=False)]


def p_value(series: NDArray[np.float64], permutations: int = PERMUTATIONS, enough: float = 1.0) -> float:
    """The share of orders of these values, this one included, with a stretch at least as different as in this order.

    Counting stops early once the share must exceed `enough`; the result is then above `enough`.
    """
    observed = float(_largest_gain(series[None])[0])
    beaten = 0
    for block in _orders(series, permutations):
        beaten += int(np.count_nonzero(_largest_gain(block) >= observed * (1 - 1e-12)))
        if 1 + beaten > enough * (1 + permutations):
            break
    return (1 + beaten) / (1 + permutations)


def _permutations(alpha: float) -> int:
    """The number of permutations that puts the smallest possible p-value well below alpha."""
    return max(PERMUTATIONS, math.ceil(20 / alpha))


def _orders(series: NDArray[np.float64], permutations: int) -> Iterator[NDArray[np.float64]]:
    """The values in random orders, in blocks [m, n] that fit into memory."""
    generator = np.random.default_rng(SEED)
    most = min(100, max(1, 2_000_000 // len(series) ** 2))
    for done in range(0, permutations, most):
        yield generator.permuted(np.broadcast_to(series, (min(most, permutations - done), len(series))), axis=1)


def _largest_gain(rows: NDArray[np.float64], *, with_end: bool = False) -> NDArray[np.float64]:
    """[m] the largest reduction of the sum of squares in series [m, n] if one stretch gets a mean of its own.

    A stretch, and each part beside it, has at least MIN_RUNS values, or a part is empty. `with_end` allows only
    stretches from the beginning of the series, which means one change point.
    """
    n = rows.shape[1]
    sums = np.concatenate(
        [np.zeros((len(rows), 1)), np.cumsum(rows - rows.mean(axis=1, keepdims=True), axis=1)], axis=1
    )
    if with_end:
        starts, ends = np.zeros(n - 2 * MIN_RUNS + 1, np.int64), np.arange(MIN_RUNS, n - MIN_RUNS + 1)
    else:
        starts, ends = np.triu_indices(n + 1, MIN_RUNS)
        is_allowed = (starts == 0) | (starts >= MIN_RUNS)
        is_allowed &= (ends == n) | (ends <= n - MIN_RUNS)
        is_allowed &= ends - starts < n
        starts, ends = starts[is_allowed], ends[is_allowed]
    length = ends - starts
    inside = sums[:, ends] - sums[:, starts]
    return np.asarray((inside**2 * (n / (length * (n - length)))).max(axis=1))


def _penalty(series: NDArray[np.float64], alpha: float) -> float:
    """The gain that a change point must reach: the quantile of the largest gain in randomly ordered residuals."""
    n = len(series)
    noise = np.median(np.abs(np.diff(series))) / (0.6745 * math.sqrt(2))
    ends = _segments(series, max(3 * noise**2 * math.log(n), 1e-12))
    residuals = np.concatenate([series[a:b] - series[a:b].mean() for a, b in pairwise([0, *ends])])
    residuals *= math.sqrt(n / max(n - len(ends), 1))  # each segment's mean was subtracted
    gains = np.concatenate([_largest_gain(block, with_end=True) for block in _orders(residuals, _permutations(alpha))])
    return max(float(np.quantile(gains, 1 - alpha)), 1e-9)


def _segments(series: NDArray[np.float64], penalty: float) -> list[int]:
    """Ends of the segments that minimise the sum of squares plus penalties; the last end is the series' length."""
    import ruptures

    found = ruptures.Pelt(model="l2", min_size=MIN_RUNS, jump=1).fit(series[:, None]).predict(pen=penalty)
    return [int(end) for end in found]
