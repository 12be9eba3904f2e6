"""Equivalence tests, and the smallest difference that a data set can detect."""

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
    """Test whether a difference lies within +-margin, which "not significant" would not show.

    "equivalent": both one-sided tests reject, that is, the 1 - 2 alpha interval lies inside the margin (Schuirmann
    1987), whether or not it contains 0. "different": not equivalent, and the 1 - alpha interval excludes 0.
    "not shown": the data support neither.
    """
    low, high = difference.interval(1 - 2 * alpha)
    if -margin < low and high < margin:
        return "equivalent"
    low, high = difference.interval(1 - alpha)
    return "different" if low > 0 or high < 0 else "not shown"


def detectable_difference(spreads: Sequence[Spread], *, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest true difference that a two-sided test at level `alpha` detects with probability `power`.

    That is (t(1 - alpha / 2) + t(power)) standard errors, the usual approximation of the non-central t distribution
    (with 2 degrees of freedom, the actual power is 77 %). Several sources of chance add in quadrature, as in the
    interval.
    """
    return math.hypot(
        *(s.standard_error * (quantile(1 - alpha / 2, s.degrees) + quantile(power, s.degrees)) for s in spreads)
    )


def images_needed(
    standard_error: float, images: int, margin: float, *, alpha: float = ALPHA, power: float = POWER
) -> int:
    """The number of images that shows equivalence with probability `power` when the true difference is 0.

    `standard_error` is the one measured on `images`; it falls with their square root. Both one-sided tests must reject,
    so each gets half of the error probability 1 - power: (z(1 - alpha) + z((1 + power) / 2)) standard errors must fit
    into the margin.
    """
    errors = quantile(1 - alpha, math.inf) + quantile((1 + power) / 2, math.inf)
    return math.ceil(images * (standard_error * errors / margin) ** 2)
