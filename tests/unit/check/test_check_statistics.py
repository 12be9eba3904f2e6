"""The statistics of the check: known values, planted changes, coverage on correlated samples."""

import math

import numpy as np
import pytest

from bench_freeze.check.change import Change
from bench_freeze.check.finding import Finding
from bench_freeze.check.judge import Test as Judged
from bench_freeze.check.judge import decide
from bench_freeze.check.latency_change import latency_change
from bench_freeze.check.limits import Limit
from bench_freeze.check.rerun import pooled_change
from bench_freeze.stats.level import block_length, level, level_of_few, welch_df


def autoregressive(seed, n, rho, noise=0.03):
    steps = np.random.default_rng(seed).normal(0, noise * math.sqrt(1 - rho**2), n + 50)
    logs = np.zeros(n + 50)
    for i in range(1, n + 50):
        logs[i] = rho * logs[i - 1] + steps[i]
    return 0.005 * np.exp(logs[50:])


def test_the_p_value_of_a_change_is_one_sided():
    for tail, df, t in [(0.025, 1, 12.7062), (0.05, 3, 2.3534), (0.001, 5, 5.8934), (0.005, 200, 2.6006)]:
        assert Change(1.0, 1.0, t * 0.01, 0.01, df).p_value() == pytest.approx(tail, rel=1e-4)
        assert Change(1.0, 1.0, -t * 0.01, 0.01, df).p_value() == pytest.approx(1 - tail, rel=1e-4)


def test_welchs_degrees_of_freedom():
    assert welch_df([(1.0, 4), (1.0, 4)]) == pytest.approx(8)
    assert welch_df([(1.0, 4), (0.0, 9)]) == pytest.approx(4)


def test_bounds_of_a_ratio_are_plain_shares():
    change = Change(1.0, 1.1, math.log(1.1), 0.01, 1e6, is_ratio=True)
    low, high = change.bounds(0.05)
    assert low == pytest.approx(1.1 * math.exp(-0.01645) - 1, abs=1e-5)
    assert high == pytest.approx(1.1 * math.exp(0.01645) - 1, abs=1e-5)
    assert change.estimate == pytest.approx(0.1)


def test_a_change_known_exactly_is_certain():
    assert Change(1, 2, 1.0, 0.0, 5).p_value() == 0
    assert Change(1, 1, 0.0, 0.0, 5).p_value() == 1
    assert Change(2, 1, -1.0, 0.0, 5).p_value() == 1


def test_what_cannot_be_measured_is_no_pass():
    nothing = Change(math.nan, math.nan, math.nan, math.inf, 5)
    assert nothing.p_value() == 1
    blank = Finding("base_map", "row", (), "base mAP", "AP", "PASS", "")
    (found,) = decide([Judged(blank, nothing, Limit(0.005, False))])
    assert found.status == "INVALID"
    assert "not defined" in found.sentence


def test_blocks_grow_with_correlation():
    lengths = [
        np.mean([block_length((s > np.median(s)) * 1.0) for s in (autoregressive(k, 200, rho) for k in range(30))])
        for rho in (0.0, 0.5, 0.8)
    ]
    assert lengths[0] < lengths[1] < lengths[2]
    assert lengths[0] < 4
    assert block_length(np.ones(50)) == 1
    assert block_length(np.repeat([0.0, 1.0], 30)) <= 12


def test_equal_samples_give_equal_numbers():
    samples = autoregressive(1, 120, 0.4)
    assert level(samples) == level(samples)
    assert latency_change(samples, samples).worse == 0


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_the_standard_error_is_that_of_repeated_runs(rho):
    """As many standard errors away from no change as a normal variable is, over 60 pairs of runs."""
    pairs = [(autoregressive(2 * k, 200, rho), autoregressive(2 * k + 1, 200, rho)) for k in range(60)]
    scores = [change.worse / change.se for a, b in pairs for change in [latency_change(a, b, run_to_run=0.0)]]
    assert 0.65 < np.std(scores) < 1.35
    assert max(np.abs(scores)) < 4.5


def test_a_planted_slowdown_is_found_and_its_size_covered():
    change = latency_change(autoregressive(5, 200, 0.4), 1.2 * autoregressive(6, 200, 0.4))
    low, high = change.bounds(0.05)
    assert low < 0.2 < high
    assert low > 0.1
    assert change.p_value() < 1e-4


def test_a_drifting_run_says_less():
    samples = autoregressive(3, 200, 0.0)
    drifting = samples * np.exp(np.linspace(-0.05, 0.05, 200))
    assert level(drifting).variance > 4 * level(samples).variance
    assert math.sqrt(level(drifting).variance) > 0.02  # a run that moved by 10 % is not known to 1 %


def test_a_few_spikes_do_not_move_a_level():
    samples = autoregressive(4, 200, 0.2)
    spiked = samples.copy()
    spiked[::40] *= 10
    assert abs(latency_change(samples, spiked).worse) < 0.01


def test_windows_of_energy():
    few = level_of_few([2.0, 2.1, 1.9], run_to_run=0.0)
    assert few.median_s == pytest.approx(2.0, rel=0.01)
    assert few.df == pytest.approx(2)
    assert math.sqrt(few.variance) == pytest.approx(0.05 / math.sqrt(3), rel=0.05)


def test_rounds_in_turn_cancel_a_drift():
    """The machine slows by 2 % from run to run; B is 3 % slower than A."""
    speed = iter(1.02**k for k in range(12))
    a, b = [], []
    for _ in range(3):
        for which in (a, b, b, a):
            slow = next(speed) * (1.03 if which is b else 1.0)
            which.append(level(slow * autoregressive(len(a) * 31 + len(b), 200, 0.0, noise=1e-4), run_to_run=0.0))
    change = pooled_change(a, b)
    assert change.estimate == pytest.approx(0.03, abs=2e-3)
    assert change.se < 0.01
