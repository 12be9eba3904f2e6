"""Student's t distribution for any positive real degrees of freedom; infinite ones give the normal distribution.

It is implemented here because SciPy would be several times the size of everything else that a machine needs for scoring
only.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_SMALLEST = 1e-300
_NORMAL_FROM = 1e7  # degrees of freedom above which the normal distribution is as exact as the continued fraction


def two_sided_p(t: float, degrees: float) -> float:
    """The probability of a value at least as far from 0 as `t`.

    It is I_x(degrees / 2, 1 / 2) at x = degrees / (degrees + t^2); Abramowitz and Stegun 26.7.1.
    """
    if math.isinf(t):
        return 0.0
    if degrees > _NORMAL_FROM:
        return 2 * NormalDist().cdf(-abs(t))
    return _regularized_beta(degrees / 2, 0.5, degrees / (degrees + t * t), t * t / (degrees + t * t))


@lru_cache(maxsize=1024)  # a study asks for the same few many times
def quantile(probability: float, degrees: float) -> float:
    """The value below which `probability` (between 0 and 1) of the distribution lies.

    Newton's method inside a bracket, with bisection where a step would leave the bracket.
    """
    if degrees > _NORMAL_FROM:
        return NormalDist().inv_cdf(probability)
    if probability <= 0.5:
        return -quantile(1 - probability, degrees) if probability < 0.5 else 0.0
    beyond = 2 * (1 - probability)
    low, high = 0.0, 1.0
    while two_sided_p(high, degrees) > beyond:
        low, high = high, 2 * high
    t = (low + high) / 2
    for _ in range(200):
        excess = two_sided_p(t, degrees) - beyond
        low, high = (t, high) if excess > 0 else (low, t)
        following = t + excess / (2 * _density(t, degrees))
        if not low < following < high:
            following = (low + high) / 2
        if abs(following - t) <= 1e-14 * high:
            break
        t = following
    return t


def _density(t: float, degrees: float) -> float:
    log_norm = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    return math.exp(log_norm - (degrees + 1) / 2 * math.log1p(t * t / degrees))


def _regularized_beta(a: float, b: float, x: float, rest: float) -> float:
    """I_x(a, b), with `rest` = 1 - x passed separately so that neither loses digits; Abramowitz and Stegun 26.5.8."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges faster for the other tail
        return 1 - _regularized_beta(b, a, rest, x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    return math.exp(log_front) / (a * _beta_fraction(a, b, x))


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction 1 + d1 / (1 + d2 / (1 + ...)), by the modified Lentz method."""
    value, numerator, denominator = 1.0, 1.0, 0.0
    for step in range(1, 10_000):
        m = step // 2
        if step % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominator = 1 / ((1 + d * denominator) or _SMALLEST)
        numerator = (1 + d / numerator) or _SMALLEST
        change = numerator * denominator
        value *= change
        if abs(change - 1) < 1e-15:
            break
    return value
