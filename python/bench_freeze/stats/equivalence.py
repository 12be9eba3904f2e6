"""Equivalence, and what a data set can distinguish."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from .estimate import Estimate, Spread
from .student import quantile

Outcome = Literal["identical by construction", "equivalent", "different", "not shown"]

ALPHA = 0.05
POWER = 0.8


def two_one_sided_tests(difference: Estimate, margin: float, alpha: float = ALPHA) -> Outcome:
    """Is a difference within +-margin? "Not significant" would not say so.

    equivalent: both one-sided tests reject, which is that the 1 - 2 alpha interval lies inside the margin (Schuirmann
    1987), whether or not the difference is 0. different: not that, and the 1 - alpha interval leaves out 0. not shown:
    these data can say neither.
    """
    low, high = difference.interval(1 - 2 * alpha)
    if -margin < low and high < margin:
        return "equivalent"
    low, high = difference.interval(1 - alpha)
    return "different" if low > 0 or high < 0 else "not shown"


def detectable_difference(spreads: Sequence[Spread], *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest true difference that a two-sided test at `alpha` finds in `power` of the cases.

    (t(1 - alpha / 2) + t(power)) standard errors, the usual approximation of the non-central t distribution (with
    2 degrees of freedom it is found in 77 %). Several sources of chance add in squares, as in the interval.
    """
    return math.hypot(
        *(s.standard_error * (quantile(1 - alpha / 2, s.degrees) + quantile(power, s.degrees)) for s in spreads)
    )


def images_needed(
    standard_error: float, images: int, margin: float, *, alpha: float = ALPHA, power: float = POWER
) -> int:
    """How many images show equivalence at a margin in `power` of the cases, when the true difference is 0.

    The standard error over images falls with their square root; both one-sided tests have to reject, so half of what
    the power leaves falls to each: (z(1 - alpha) + z((1 + power) / 2)) standard errors have to fit into the margin.
    """
    errors = quantile(1 - alpha, math.inf) + quantile((1 + power) / 2, math.inf)
    return math.ceil(images * (standard_error * errors / margin) ** 2)
