"""A sign test that may be read after every observation and stopped at any time.

It tests whether observations lie above a line more often than below it. Under the null hypothesis, each lies above
with a probability of at most 1/2, given all earlier ones. A bet on a probability p > 1/2 then multiplies its stake by
2 p or by 2 (1 - p), which gains nothing on average. The same holds for the mean of all bets over 1/2 < p < 1 (a mixture
martingale: Ville 1939, Robbins 1970). By Ville's inequality, the stake ever reaches 1 / a with a probability of at
most a, whatever the stopping rule. No distribution, variance or further independence is assumed. With s of n
observations above the line, the stake is

    (C(n + 1, 0) + ... + C(n + 1, s)) / ((n + 1) C(n, s))

in integers, which is the integral of 2 (2 p)^s (2 - 2 p)^(n - s) over p from 1/2 to 1.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@lru_cache(maxsize=65536)
def log_stake(above: int, n: int) -> float:
    """The logarithm of the stake after `above` of `n` observations were above the line.

    Raises ValueError unless 0 <= above <= n.
    """
    if not 0 <= above <= n:
        raise ValueError(f"{above} of {n} cannot be")
    total = sum(math.comb(n + 1, j) for j in range(above + 1))
    return math.log(total) - math.log((n + 1) * math.comb(n, above))


@dataclass
class SignTest:
    """The test of observations added one by one; `evidence` is the logarithm of the largest stake so far."""

    n: int = 0
    above: int = 0
    evidence: float = 0.0

    def add(self, is_above: bool) -> None:
        """Add an observation."""
        self.n += 1
        self.above += is_above
        self.evidence = max(self.evidence, log_stake(self.above, self.n))

    @property
    def p_value(self) -> float:
        """P-value of "not more often above than below"; valid at any time, however that time was chosen."""
        return math.exp(-self.evidence)


def sign_test(above: Sequence[bool]) -> SignTest:
    """The test of observations in the order taken."""
    test = SignTest()
    for is_above in above:
        test.add(is_above)
    return test


def median_bounds(values: Sequence[float], tail: float) -> tuple[float, float]:
    """A confidence sequence for the median: at any time, each bound excludes it with a probability of at most `tail`.

    The bounds are the tightest of all times so far, so they only move inwards. They are infinite until enough values
    are known.
    """
    low, high = -math.inf, math.inf
    ordered: list[float] = []
    for value in values:
        ordered.insert(bisect_left(ordered, value), value)
        n = len(ordered)
        needed = fewest_above(n, tail)
        if needed is not None:  # a line just below the needed-th largest has `needed` values above it
            low = max(low, ordered[n - needed])
            high = min(high, ordered[needed - 1])
    return low, high


@lru_cache(maxsize=65536)
def fewest_above(n: int, tail: float) -> int | None:
    """How many of n must lie above a line for a stake of 1 / tail; None where even all n are not enough."""
    wanted = -math.log(tail)
    if n == 0 or log_stake(n, n) < wanted:
        return None
    return bisect_left(range(n), wanted, lo=n // 2, key=lambda above: log_stake(above, n))
