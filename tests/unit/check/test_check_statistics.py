"""The statistics of the check: known values, planted changes, coverage on correlated samples."""

import math

import numpy as np
import pytest

from bench_freeze.check.change import Change
from bench_freeze.check.finding import Finding
from bench_freeze.check.judge import Test as Judged
from bench_freeze.check.judge import decide
from bench_freeze.check.latency_change import FEWEST_RUNS, change_between_runs, run_noise
from bench_freeze.check.limits import Limit
from bench_freeze.check.side_by_side import SideBySide
from bench_freeze.stats.level import block_length, level, welch_df


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


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_the_standard_error_is_that_of_repeated_runs(rho):
    """As many standard errors away from no change as a normal variable is, over 60 pairs of runs."""
    levels = [level(autoregressive(k, 200, rho)) for k in range(120)]
    scores = [
        math.log(b.median_s / a.median_s) / math.sqrt(a.variance + b.variance)
        for a, b in zip(levels[::2], levels[1::2], strict=True)
    ]
    assert 0.65 < np.std(scores) < 1.35
    assert max(np.abs(scores)) < 4.5


def test_a_drifting_run_says_less():
    samples = autoregressive(3, 200, 0.0)
    drifting = samples * np.exp(np.linspace(-0.05, 0.05, 200))
    assert level(drifting).variance > 4 * level(samples).variance
    assert math.sqrt(level(drifting).variance) > 0.02  # a run that moved by 10 % is not known to 1 %


def test_a_few_spikes_do_not_move_a_level():
    samples = autoregressive(4, 200, 0.2)
    spiked = samples.copy()
    spiked[::40] *= 10
    assert abs(math.log(level(spiked).median_s / level(samples).median_s)) < 0.01


def runs_of(seed, runs, rows, of_run, of_row):
    """Logarithms of levels [runs, rows]: what a whole run and what each row of it deviates by."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, of_run, (runs, 1)) + rng.normal(0, of_row, (runs, rows))


@pytest.mark.parametrize(("of_run", "of_row"), [(0.02, 0.0), (0.0, 0.02), (0.02, 0.01)])
def test_the_noise_of_runs_is_estimated_with_its_degrees_of_freedom(of_run, of_row):
    """The mean of many estimates is the variance that was planted, and they scatter as their degrees of freedom say."""
    found = [run_noise(runs_of(seed, 10, 8, of_run, of_row)) for seed in range(2000)]
    variances = np.array([noise.variance for noise in found])
    planted = of_run**2 + of_row**2
    assert variances.mean() == pytest.approx(planted, rel=0.03)
    df = np.median([noise.df for noise in found])
    assert 2 * planted**2 / variances.var() == pytest.approx(df, rel=0.25)
    assert df > 8.9


def test_one_run_says_nothing_of_others():
    change = change_between_runs([0.01], 0.0115, run_noise(np.zeros((1, 4))))
    assert change.estimate == pytest.approx(0.15)
    assert "one baseline run shows too little" in change.silence
    assert not change.is_tested
    assert change.status(0.05, None, 0.02, 0.05) == "AMBIGUOUS"
    assert change.status(0.2, None, 0.02, 0.05) == "PASS"


@pytest.mark.parametrize(("runs", "status"), [(FEWEST_RUNS - 1, "AMBIGUOUS"), (FEWEST_RUNS, "REGRESSION")])
def test_a_proof_takes_enough_runs(runs, status):
    logs = runs_of(1, runs, 6, 0.004, 0.004)
    change = change_between_runs(np.exp(logs[:, 0]), math.exp(logs[:, 0].mean()) * 1.12, run_noise(logs))
    assert change.status(0.05, change.p_value(), 0.02, 0.05) == status
    assert (change.unproven is None) == (status == "REGRESSION")


def test_a_state_that_the_baseline_knows_is_no_regression():
    """One run of twenty was 9 % slower in one row; another row is now, by as much beyond its limit."""
    logs = runs_of(2, 20, 6, 0.002, 0.002)
    logs[4, 3] += math.log(1.09)
    change = change_between_runs(np.exp(logs[:, 0]), math.exp(logs[:, 0].mean()) * 1.09, run_noise(logs))
    assert change.status(0.05, 1e-9, 0.02, 0.05) == "AMBIGUOUS"


def test_a_rarer_state_is_missed_by_the_baseline_and_met_in_2_percent_at_most():
    worst = [max(q * (1 - q) ** runs for q in np.linspace(0, 1, 2001)) for runs in range(1, 30)]
    assert min(k for k, chance in enumerate(worst, start=1) if chance <= 0.02) == FEWEST_RUNS


def rounds_of(seed, n, factor, noise=0.02):
    rng = np.random.default_rng(seed)
    change = SideBySide(Limit(0.05, True))
    for _ in range(n):
        speed = math.exp(rng.normal(0, 0.3))  # of the machine in this round
        change.add(
            0.01 * speed * math.exp(rng.normal(0, noise)), 0.01 * speed * factor * math.exp(rng.normal(0, noise))
        )
    return change


@pytest.mark.parametrize(("factor", "status"), [(1.0, "PASS"), (1.12, "REGRESSION"), (1.05, "AMBIGUOUS")])
def test_rounds_side_by_side_do_not_mind_the_machine(factor, status):
    change = rounds_of(3, 40, factor)
    assert change.status(0.05, change.p_value(), 0.02, 0.05) == status
    assert change.is_decided(0.02, 0.05) == (status != "AMBIGUOUS")
    low, high = change.bounds(0.05)
    assert low < factor - 1 < high


def test_a_limit_in_seconds_is_of_the_round():
    """2 ms more than the baseline's 10 ms in every round, whatever share that is when the machine is slower."""
    change = SideBySide(Limit(0.0015, False))
    for k in range(20):
        speed = 1 + k / 10
        change.add(0.01 * speed, 0.01 * speed + 0.002)
    assert change.p_value() < 1e-3


def test_rounds_that_are_too_few_have_no_bounds():
    change = rounds_of(4, 3, 1.2)
    assert change.bounds(0.05) == (-math.inf, math.inf)
    blank = Finding("latency_model", "row", (), "m", "s", "PASS", "", limit_text="5%")
    (found,) = decide([Judged(blank, change, change.limit)])
    assert (found.status, found.low, found.high) == ("AMBIGUOUS", None, None)
    assert len(found.rounds) == 3
    assert "side by side" in found.basis
    assert "beyond the limit of 5%, but not proven (3 rounds side by side)" in found.sentence
    change = rounds_of(5, 3, 1.0)
    (found,) = decide([Judged(blank, change, change.limit)])
    assert found.status == "AMBIGUOUS"
    assert "not proven to be within the limit of 5%" in found.sentence
    assert "--max-minutes" in found.remedy
