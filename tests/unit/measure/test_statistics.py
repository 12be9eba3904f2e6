"""Stopping criteria, percentiles with their bounds, stability and verdicts: against definitions and by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_freeze.measure.entropy import RunningEntropy
from bench_freeze.measure.percentiles import MIN_SAMPLES, bound_ranks, minimum_samples, nearest_rank, percentile, rank
from bench_freeze.measure.stability import stability
from bench_freeze.measure.stats import LatencyStats
from bench_freeze.measure.stopping import RunningMean, StoppingRule, relative_standard_error
from bench_freeze.measure.verdict import Conditions, judge

durations = st.lists(st.floats(1e-6, 10), min_size=2, max_size=60)


def test_relative_standard_error_of_known_numbers():
    assert relative_standard_error([1.0]) == math.inf
    assert relative_standard_error([2.0, 2.0, 2.0]) == 0
    assert relative_standard_error([1.0, 3.0]) == pytest.approx(0.5)


@given(durations)
def test_the_running_mean_says_what_the_whole_sequence_says(samples):
    running = RunningMean(limit=0.2)
    for sample in samples:
        met = running.add(sample)
    exact = relative_standard_error(samples)
    assert running.relative_standard_error() == pytest.approx(exact, rel=1e-6, abs=1e-9)
    if abs(exact - 0.2) > 1e-6:
        assert met == (exact <= 0.2)


@given(st.lists(st.integers(1, 30), min_size=2, max_size=80), st.integers(3, 20))
def test_running_entropy_and_its_line_are_those_of_the_definitions(bins, window):
    running = RunningEntropy(bin_s=1.0, window=window, stride=1)
    entropies = []
    for i, value in enumerate(bins, start=1):
        running.add(float(value))
        shares = np.unique(bins[:i], return_counts=True)[1] / i
        entropies.append(float(-(shares * np.log2(shares)).sum()))
        assert running.entropy == pytest.approx(entropies[-1], abs=1e-9)
    tail = np.array(entropies[-window:])
    slope = np.polyfit(np.arange(len(tail)), tail, 1)[0]
    found, r2 = running.slope_and_r2()
    assert found == pytest.approx(slope, abs=1e-8)
    if np.ptp(tail) > 1e-3:
        assert r2 == pytest.approx(np.corrcoef(np.arange(len(tail)), tail)[0, 1] ** 2, abs=1e-5)


def test_entropy_stops_on_noise_that_averaging_does_not_shrink_and_not_while_new_values_come():
    rng = np.random.default_rng(0)
    heavy = RunningEntropy()
    assert any(heavy.add(float(v)) for v in 1e-3 + 1e-5 * rng.integers(0, 20, 5000) ** 2)
    growing = RunningEntropy()
    assert not any(growing.add(i * 1e-3) for i in range(1000))  # every value is new


@pytest.mark.parametrize(
    ("samples", "elapsed", "precise", "reason"),
    [
        (63, 1.0, True, None),
        (64, 1.0, True, "precision"),
        (64, 99.0, True, "precision"),
        (64, 10.0, False, "time"),
        (0, 99.0, False, None),
        (100, 1.0, False, "samples"),
    ],
)
def test_reasons_to_stop(samples, elapsed, precise, reason):
    assert StoppingRule(max_samples=100, max_seconds=10).reason_to_stop(samples, elapsed, precise) == reason


@pytest.mark.parametrize("percent", [90, 95, 99, 99.9])
def test_minimums_are_what_mlperfs_rule_gives(percent):
    assert minimum_samples(percent / 100) == MIN_SAMPLES[percent]


@pytest.mark.parametrize(
    ("n", "p90", "p99"), [(63, False, False), (64, True, False), (661, True, False), (662, True, True)]
)
def test_percentiles_are_withheld_below_their_minimum(n, p90, p99):
    stats = LatencyStats(tuple(float(i) for i in range(1, n + 1)), "samples", 5)
    assert (stats.percentile_s(90) is not None, stats.percentile_s(99) is not None) == (p90, p99)
    assert stats.percentile(99).missing == max(0, 662 - n)


def test_nearest_rank():
    assert nearest_rank([3.0, 1.0, 2.0, 4.0], 50) == 2.0
    assert nearest_rank([3.0, 1.0, 2.0, 4.0], 90) == 4.0
    assert nearest_rank([7.0], 50) == 7.0
    assert rank(1000, 99.9) == 999


@pytest.mark.parametrize(
    ("n", "p", "expected"),
    [(10, 0.5, (2, 9)), (5, 0.5, (0, 6)), (100, 0.5, (40, 61)), (100, 0.99, (97, 101)), (1000, 0.9, (881, 919))],
)
def test_bound_ranks_of_known_cases(n, p, expected):
    assert bound_ranks(n, p, 0.95) == expected


@given(st.integers(1, 400), st.sampled_from([0.5, 0.9, 0.95, 0.99]), st.sampled_from([0.8, 0.95, 0.99]))
def test_bound_ranks_enclose_with_the_promised_probability_and_no_closer_pair_does(n, p, confidence):
    def cdf(k):
        return math.fsum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(0, k + 1))

    low, high = bound_ranks(n, p, confidence)
    tail = (1 - confidence) / 2
    assert low == 0 or cdf(low - 1) <= tail + 1e-12
    assert cdf(low) > tail - 1e-12
    assert high == n + 1 or cdf(high - 1) >= 1 - tail - 1e-12
    assert high == 1 or cdf(high - 2) < 1 - tail + 1e-12


@pytest.mark.parametrize(("percent", "n"), [(50, 20), (50, 200), (90, 200), (99, 1000)])
def test_bounds_cover_the_true_percentile_as_often_as_they_say(percent, n):
    """Long-tailed samples; 2,000 runs with a fixed seed, so at 95 % the rate's standard error is half a percent."""
    rng = np.random.default_rng(percent)
    truth = math.exp(0.5 * float(np.sqrt(2)) * _inverse_erf(2 * percent / 100 - 1))
    covered = 0
    for samples in np.sort(np.exp(0.5 * rng.standard_normal((2000, n))), axis=1):
        found = percentile(samples.tolist(), percent)
        covered += (found.low_s or 0.0) <= truth <= (found.high_s or math.inf)
    assert covered / 2000 >= 0.94


def _inverse_erf(y):
    low, high = -6.0, 6.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle) < y else (low, middle)
    return low


def test_a_long_run_is_bounded_without_underflow():
    low, high = bound_ranks(1_000_000, 0.99, 0.95)
    assert low < 990_000 < high
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(1e6 * 0.99 * 0.01), rel=0.01)


def noise(n=400, seed=0):
    return 1 + 0.01 * np.abs(np.random.default_rng(seed).standard_normal(n))


def judged(samples, **options):
    return judge(LatencyStats(tuple(map(float, samples)), "samples", 6), **options)


def test_level_noise_is_valid():
    assert judged(noise()) == judged(noise(seed=1))
    assert judged(noise()).verdict == "VALID"


def test_drift_is_ambiguous_and_much_drift_invalid():
    assert judged(noise() * np.linspace(1, 1.08, 400)).verdict == "AMBIGUOUS"
    judgement = judged(noise() * np.linspace(1, 1.5, 400))
    assert judgement.verdict == "INVALID"
    assert "drifted by +3" in judgement.reasons[0]


def test_a_step_is_seen():
    speeds = np.ones(400)
    speeds[160:240] = 1.5
    assert any("in steps" in reason for reason in judged(noise() * speeds).reasons)


def test_durations_that_follow_their_inputs_are_no_drift():
    per_input = np.linspace(1, 3, 100)  # 100 images in turn, each slower than the last: four rounds
    samples = noise() * np.tile(per_input, 4)
    assert stability(samples.tolist(), period=100).steps < 0.05
    assert stability(samples.tolist(), period=1).steps > 0.25


def test_independent_samples_of_noise_and_of_a_slow_wave():
    assert stability(noise().tolist()).independent > 250
    assert stability((2 + np.sin(np.arange(400) / 20)).tolist()).independent < 20


def test_constant_and_few_samples_raise_nothing():
    assert stability([1.0] * 31) is None
    level = stability([1.0] * 100)
    assert (level.drift, level.drift_z, level.steps, level.shift, level.independent) == (0, 0, 0, 0, 100)
    assert judged([0.0] * 100).verdict in {"VALID", "AMBIGUOUS", "INVALID"}


def test_false_alarms_on_level_runs_are_rare():
    rng = np.random.default_rng(3)
    verdicts = [judged(1 + 0.02 * rng.exponential(size=200)).verdict for _ in range(200)]
    assert verdicts.count("VALID") >= 196


def test_reasons_of_the_machine_outrank():
    judgement = judged(noise(), conditions=Conditions(("the GPU was throttled",), ("another process",)))
    assert judgement.verdict == "INVALID"
    assert judgement.reasons == ("the GPU was throttled", "another process")


def test_too_few_samples_to_bound_the_median_is_said():
    assert "3 samples are too few" in judged([1.0, 1.0, 1.0]).reasons[0]
    assert judge(LatencyStats((), "time", 6)).reasons == ("no sample was kept",)
