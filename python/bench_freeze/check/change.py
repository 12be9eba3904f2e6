"""A measured change: how much worse, with which uncertainty, and what is proven."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..stats.student import quantile, two_sided_p
from .finding import Status


@dataclass(frozen=True)
class Change:
    """`worse` is how much worse the current run is, with standard error `se` of `df` degrees of freedom.

    For a ratio (`is_ratio`) both refer to its logarithm, where errors of durations are additive. `silence` says why
    nothing follows for other images or other runs: then there is a value, but no interval and no test. With `unproven`
    there is an interval, but too little data for a proof. An increase must exceed its limit by a further `margin` (in
    the units of `worse`).
    """

    reference: float
    current: float
    worse: float
    se: float
    df: float
    is_ratio: bool = False
    silence: str | None = None
    unproven: str | None = None
    margin: float = 0.0
    basis: str = ""  # what it was judged on, in words

    @property
    def is_tested(self) -> bool:
        """Whether it has a p-value, which enters the adjustment of the check."""
        return self.silence is None and self.unproven is None

    @property
    def is_defined(self) -> bool:
        """False if there was nothing to measure, such as the AP of a data set without ground truth."""
        return math.isfinite(self.worse) and math.isfinite(self.se)

    def p_value(self) -> float:
        """The probability of at least this change for the worse if nothing had changed.

        1 if nothing was tested.
        """
        if not self.is_defined or self.silence is not None:
            return 1.0
        if self.worse == 0 or self.se == 0:
            return 0.0 if self.worse > 0 else 1.0
        t = self.worse / self.se
        beyond = two_sided_p(t, self.df) / 2
        return beyond if t >= 0 else 1 - beyond

    def bounds(self, tail: float) -> tuple[float, float]:
        """The interval of the change with probability `tail` beyond each end, in its own units."""
        reach = quantile(1 - tail, self.df) * self.se if self.se else 0.0
        return self._plain(self.worse - reach), self._plain(self.worse + reach)

    def status(self, allowed: float, p_value: float | None, alpha: float, tail: float) -> Status:
        """Judge against a limit, given the p-value adjusted for all tests: proven beyond, not beyond, or open."""
        if self.estimate <= allowed:
            return "PASS"
        if p_value is None or not self.is_tested or p_value >= alpha or self.bounds(tail)[0] <= allowed:
            return "AMBIGUOUS"
        return "REGRESSION" if self._plain(self.worse - self.margin) > allowed else "AMBIGUOUS"

    def to_decide(self, allowed: float, tail: float) -> str:
        """What would decide an open change, as the end of a sentence; empty if unknown."""
        del allowed, tail
        return ""

    @property
    def estimate(self) -> float:
        """How much worse, in the metric's unit, or as a share of the reference for a ratio."""
        return self._plain(self.worse)

    def _plain(self, value: float) -> float:
        return math.expm1(value) if self.is_ratio else value
