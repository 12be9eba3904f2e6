"""A measured change: how much worse, how well that is known, and what of it is proven."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .student import quantile, upper_tail


@dataclass(frozen=True)
class Change:
    """`worse` is how far the current run is on the bad side, with standard error `se` of `df` degrees of freedom.

    Of a ratio (`is_ratio`) both are of its logarithm, in which errors of durations add up.
    """

    reference: float
    current: float
    worse: float
    se: float
    df: float
    is_ratio: bool = False

    @property
    def is_defined(self) -> bool:
        """False where there was nothing to measure, as the AP of a data set without ground truth."""
        return math.isfinite(self.worse) and math.isfinite(self.se)

    def p_value(self) -> float:
        """The probability of a change for the worse like this one, or a larger, if nothing had changed."""
        if not self.is_defined:
            return 1.0
        if self.worse == 0 or self.se == 0:
            return 0.0 if self.worse > 0 else 1.0
        return upper_tail(self.worse / self.se, self.df)

    def bounds(self, tail: float) -> tuple[float, float]:
        """The change's interval with `tail` beyond each end, in its own units."""
        reach = quantile(tail, self.df) * self.se if self.se else 0.0
        return self._plain(self.worse - reach), self._plain(self.worse + reach)

    @property
    def estimate(self) -> float:
        """How much worse, in units of the metric, or as a share of the reference for a ratio."""
        return self._plain(self.worse)

    def _plain(self, value: float) -> float:
        return math.expm1(value) if self.is_ratio else value


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values by Holm's step-down procedure (1979).

    Whoever rejects those below alpha makes any false rejection at all with a probability of at most alpha. The smallest
    of m is multiplied by m, the next by m - 1 ..., and none is smaller than the one before it.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def welch_df(parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of (variance, its degrees of freedom), by Welch and Satterthwaite."""
    total = sum(variance for variance, _ in parts)
    below = sum(variance**2 / df for variance, df in parts)
    return max(1.0, total**2 / below) if below > 0 else 1e6
