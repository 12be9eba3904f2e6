"""Dependence in time: against plain definitions on generated series, and by what bounds and verdicts do with it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_freeze.measure.dependence import independent_samples, normal_scores, shift, variance_inflation
from bench_freeze.measure.percentiles import percentile, percentile_in_time
from bench_freeze.measure.stats import LatencyStats
from bench_freeze.measure.stopping import DependenceLook, StoppingRule
from bench_freeze.measure.verdict import judge

series = st.lists(st.integers(0, 12), min_size=2, max_size=70)


def chain(rng, n, rho):
    values = [rng.standard_normal()]
    for _ in range(n - 1):
        values.append(rho * values[-1] + math.sqrt(1 - rho**2) * rng.standard_normal())
    return np.array(values)


def correlations(values):
    """By the definition, lag after lag."""
    n, mean = len(values), sum(values) / len(values)
    total = sum((v - mean) ** 2 for v in values)
    return [sum((values[i] - mean) * (values[i + k] - mean) for i in range(n - k)) / total for k in range(n // 2 + 1)]


def monotone_sum(correlation):
    pairs = [correlation[k] + correlation[k + 1] for k in range(0, len(correlation) - 1, 2)]
    total, least = 0.0, math.inf
    for pair in pairs:
        if pair <= 0:
            break
        least = min(least, pair)
        total += least
    return max(1.0, 2 * total - 1)


@settings(max_examples=200)
@given(series)
def test_the_inflation_is_geyers_sum_with_the_lift(values):
    n = len(values)
    found = variance_inflation(np.array(values, np.float64))
    if n < 8 or len(set(values)) == 1:
        assert found == 1
        return
    own = correlations(values)
    if abs(own[1] - 1 / math.sqrt(n)) < 1e-9:
        return
    first = monotone_sum(own)
    lifted = [1.0, *(r + first / n * (1 - k / n) for k, r in enumerate(own) if k)]
    sums = [abs(a + b) for r in (own, lifted) for a, b in zip(r[::2], r[1::2], strict=False)]
    if min(sums) < 1e-9:  # a pair that is 0 but for rounding may end either sum
        return
    assert found == pytest.approx(1.0 if own[1] < 1 / math.sqrt(n) else min(monotone_sum(lifted), n), rel=1e-9)


@given(series)
def test_scores_are_of_ranks_alone_and_equal_for_ties(values):
    scores = normal_scores(values)
    assert np.array_equal(scores, normal_scores([math.exp(v) for v in values]))
    assert scores.sum() == pytest.approx(0, abs=1e-6) or len(set(values)) < len(values)
    for a in range(len(values)):
        for b in range(a):
            assert (scores[a] < scores[b]) == (values[a] < values[b])


def long_run(residuals):
    n, own = len(residuals), correlations(residuals)[1]
    own = min(max(own + (1 + 3 * own) / n, 0.0), 0.97)
    return sum(r * r for r in residuals) / n * (1 + own) / (1 - own)


def without_step(values):
    n, first = len(values), math.ceil(len(values) * 0.1)
    choices = []
    for k in range(first, n - first + 1):
        sides = values[:k], values[k:]
        rest = [v - sum(side) / len(side) for side in sides for v in side]
        choices.append((sum(r * r for r in rest), rest))
    return min(choices, key=lambda choice: choice[0])[1]


@pytest.mark.parametrize("n", [16, 33, 60])
@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_the_shift_is_that_of_every_step_tried(n, rho):
    rng = np.random.default_rng(n)
    for _ in range(5):
        values = chain(rng, n, rho) + (np.arange(n) > n // 3) * rng.normal(0, 2)
        scores = normal_scores(values).tolist()
        one = without_step(scores)
        two = without_step(one)
        squares = [sum(v * v for v in part) for part in (scores, one, two)]
        expected = max((squares[0] - squares[1]) / long_run(one), (squares[0] - squares[2]) / 2 / long_run(two))
        assert shift(values) == pytest.approx(expected, rel=1e-6)


def test_no_dependence_gives_the_bounds_of_independent_samples():
    rng = np.random.default_rng(5)
    same = 0
    for _ in range(200):
        samples = rng.lognormal(0, 0.5, 200)
        in_time, independent = percentile_in_time(samples, 50), percentile(sorted(samples), 50)
        same += in_time == independent
        assert (in_time.low_s, independent.high_s) <= (independent.low_s, in_time.high_s)
    assert same > 120  # the others happen to show some


@pytest.mark.parametrize("rho", [0.3, 0.67, 0.9])
def test_bounds_cover_the_median_of_correlated_samples(rho):
    rng = np.random.default_rng(6)
    held = {"in time": 0, "independent": 0}
    for _ in range(400):
        samples = np.exp(0.02 * chain(rng, 200, rho))
        in_time, independent = percentile_in_time(samples, 50), percentile(sorted(samples), 50)
        held["in time"] += (in_time.low_s or 0) <= 1 <= (in_time.high_s or math.inf)
        held["independent"] += independent.low_s <= 1 <= independent.high_s
    assert held["in time"] >= 0.92 * 400  # a standard error is .011
    assert held["independent"] < held["in time"] - 8


@given(st.lists(st.floats(1e-6, 10), min_size=1, max_size=90), st.sampled_from([50, 90]))
def test_bounds_enclose_the_percentile_of_any_samples(samples, percent):
    found = percentile_in_time(samples, percent)
    if found.value_s is not None:
        assert found.low_s is None or found.low_s <= found.value_s
        assert found.high_s is None or found.value_s <= found.high_s


def verdict(samples):
    return judge(LatencyStats(tuple(map(float, samples)), "samples", 6))


def test_a_run_that_visibly_switches_between_two_speeds_is_not_valid():
    rng = np.random.default_rng(7)
    valid = 0
    for _ in range(200):
        begin, length = rng.integers(0, 140), rng.integers(40, 120)
        is_slow = (np.arange(200) >= begin) & (np.arange(200) < begin + length)
        valid += verdict(1.06**is_slow * np.exp(rng.normal(0, 0.02, 200))).verdict == "VALID"
    assert valid <= 10
    assert "changed during the run" in verdict([1.0, 1.01] * 35 + [1.06, 1.07] * 30 + [1.0, 1.01] * 35).reasons[0]


def test_level_noise_is_valid_with_and_without_correlation():
    rng = np.random.default_rng(8)
    for rho in (0.0, 0.5):
        valid = sum(verdict(np.exp(0.02 * chain(rng, 200, rho))).verdict == "VALID" for _ in range(200))
        assert valid >= 190


def test_shifts_too_small_to_matter_are_no_reason():
    rng = np.random.default_rng(9)
    assert verdict(1.004 ** (np.arange(200) > 90) * np.exp(rng.normal(0, 0.0005, 200))).verdict == "VALID"


def test_correlated_samples_are_taken_longer_and_caps_stay_caps():
    rule = StoppingRule(max_samples=400, max_seconds=1e9)

    def taken(samples):
        summary, look = rule.summary(), DependenceLook(rule)
        for n, sample in enumerate(samples, start=1):
            if look.reason_to_stop(samples[:n], 0.0, summary.add(sample)) is not None:
                return n
        raise AssertionError("past its cap")

    rng = np.random.default_rng(10)
    lengths = {
        rho: np.mean([taken(np.exp(0.02 * chain(rng, 400, rho)).tolist()) for _ in range(40)]) for rho in (0, 0.6)
    }
    assert lengths[0] < 110
    assert lengths[0.6] > 1.7 * lengths[0]
    assert taken(np.exp(0.02 * chain(rng, 400, 0.99)).tolist()) == 400


def test_samples_that_follow_their_inputs_are_independent():
    per_input = np.linspace(1, 2, 16)
    noise = np.exp(np.random.default_rng(11).normal(0, 0.01, 320))
    rule = StoppingRule(max_samples=1000, max_seconds=1e9, relative_error=0.05)
    assert DependenceLook(rule, period=16).is_enough((np.tile(per_input, 20) * noise).tolist())
    assert not DependenceLook(rule).is_enough(np.repeat(per_input, 20).tolist())
    assert independent_samples([1.0] * 50) == 50
