"""The sign test that may be stopped at any time: its formula, its error under every stopping rule, its bounds."""

import math

import numpy as np
import pytest

from bench_freeze.stats.sequential import SignTest, fewest_above, log_stake, median_bounds, sign_test


def test_the_stake_is_the_mean_of_bets():
    """Against the integral, by a fine sum."""
    p = np.linspace(0.5, 1, 200_001)
    for above, n in [(0, 0), (1, 1), (0, 3), (5, 7), (18, 20), (30, 64)]:
        bets = 2 * (2 * p) ** above * (2 - 2 * p) ** (n - above)
        integral = (bets[1:] + bets[:-1]).sum() / 2 * (p[1] - p[0])
        assert math.exp(log_stake(above, n)) == pytest.approx(integral, rel=1e-6)


def test_bets_make_nothing_on_the_average():
    """Exactly: over both outcomes of a fair coin the next stake is this one."""
    for n in range(30):
        for above in range(n + 1):
            both = (math.exp(log_stake(above, n + 1)) + math.exp(log_stake(above + 1, n + 1))) / 2
            assert both == pytest.approx(math.exp(log_stake(above, n)), rel=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.45])
def test_stopping_at_the_best_moment_is_no_trick(share):
    """1,500 tests of 200 observations each, looked at after every one."""
    rng = np.random.default_rng(1)
    for tail in (0.05, 0.01):
        wrong = sum(sign_test(above.tolist()).p_value <= tail for above in rng.random((1500, 200)) < share)
        assert wrong / 1500 <= tail + 0.003


def test_what_is_above_is_seen_soon():
    test = SignTest()
    for _ in range(13):
        test.add(True)
    assert test.p_value == pytest.approx(14 / (2**14 - 1))
    assert test.p_value < 0.02 / 20 < sign_test([True] * 12).p_value


def test_bounds_of_a_median_hold_at_all_times():
    """Skewed values with the median 1, looked at after every one of 100; each bound may fail in 5 %."""
    rng = np.random.default_rng(2)
    low_failed = high_failed = 0
    for _ in range(400):
        low, high = median_bounds(np.exp(rng.standard_exponential(100) - math.log(2)).tolist(), 0.05)
        low_failed += low > 1
        high_failed += high < 1
    assert max(low_failed, high_failed) / 400 <= 0.055


def test_bounds_agree_with_the_test_of_every_line():
    rng = np.random.default_rng(3)
    values = rng.normal(size=40).tolist()
    low, high = median_bounds(values, 0.05)
    for edge, sign in ((low, 1), (high, -1)):
        inside, outside = (sign_test([sign * (v - edge) > by for v in values]).p_value for by in (1e-9, -1e-9))
        assert outside <= 0.05 < inside
    assert median_bounds([1.0, 2.0], 0.05) == (-math.inf, math.inf)
    assert fewest_above(6, 0.05) is None
    assert fewest_above(7, 0.05) == 7
