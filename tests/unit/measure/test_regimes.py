"""Paced and cold calls, paired comparison, throughput and the search for the largest batch, on a fake clock."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_freeze.errors import MeasurementError
from bench_freeze.measure.clock import FakeClock, HostClock
from bench_freeze.measure.paired import compare_paired, ratio_interval, round_ratios
from bench_freeze.measure.regimes import sample_cold, sample_paced
from bench_freeze.measure.stopping import StoppingRule
from bench_freeze.measure.throughput import doubling, largest_batch, throughput_curve

RULE = StoppingRule(max_samples=20, max_seconds=1e9, min_samples=99)


def test_paced_calls_start_at_the_periods_and_waiting_is_not_measured():
    clock = FakeClock()
    starts = []

    def call(i):
        starts.append(clock.now_s())
        clock.advance(0.03125)

    paced = sample_paced(call, clock, RULE, rate_hz=8)
    assert paced.stats.samples_s == (0.03125,) * 20
    assert starts == [k / 8 for k in range(len(starts))]
    assert (paced.periods, paced.missed) == (len(starts), 0)


def test_periods_that_pass_while_a_call_runs_are_missed():
    clock = FakeClock()
    starts = []

    def call(i):
        starts.append(clock.now_s())
        clock.advance(0.3125)  # two and a half periods

    paced = sample_paced(call, clock, RULE, rate_hz=8)
    assert starts == [3 * k / 8 for k in range(len(starts))]
    assert paced.missed == 2 * (len(starts) - 1)
    assert paced.periods == len(starts) + paced.missed
    with pytest.raises(ValueError, match="rate"):
        sample_paced(call, clock, RULE, rate_hz=math.nan)


def test_the_host_clock_waits():
    clock = HostClock()
    due = clock.now_s() + 0.002
    clock.wait_until_s(due)
    assert clock.now_s() >= due


def test_cold_calls_are_told_from_loading_and_from_second_calls():
    clock = FakeClock()
    unloaded = []

    def load():
        clock.advance(2.0)
        costs = iter([0.5, 0.25])
        return lambda: clock.advance(next(costs)), lambda: unloaded.append(True)

    cold = sample_cold(load, clock, 3)
    assert (cold.load_s, cold.first_s, cold.second_s) == ((2.0,) * 3, (0.5,) * 3, (0.25,) * 3)
    assert len(unloaded) == 3


def test_a_linear_drift_cancels_in_a_paired_ratio_and_not_in_the_plain_one():
    clock = FakeClock()
    slowness = 1.0

    def takes(seconds):
        def call(i):
            nonlocal slowness
            clock.advance(seconds * slowness)
            slowness += 0.001

        return call

    paired = compare_paired(takes(1.0), takes(1.1), clock, rounds=40, max_seconds=1e9)
    assert paired.rounds == 40
    assert paired.ratio == pytest.approx(1.1, rel=1e-9)
    assert paired.low <= paired.ratio <= paired.high


def test_paired_calls_come_a_b_b_a_and_end_in_time():
    clock = FakeClock()
    order = []

    def named(name):
        def call(i):
            order.append((name, i))
            clock.advance(0.25)

        return call

    paired = compare_paired(named("a"), named("b"), clock, rounds=100, max_seconds=3)
    assert paired.rounds == 3
    assert [name for name, _ in order[-4:]] == ["a", "b", "b", "a"]
    assert {i for _, i in order[-4:]} == {2}


@pytest.mark.parametrize("bad", [-1.0, math.nan, 0.0])
def test_impossible_durations_do_not_become_a_ratio(bad):
    with pytest.raises(MeasurementError):
        round_ratios([bad, bad], [1.0, 1.0])
    with pytest.raises(ValueError, match="rounds"):
        round_ratios([1.0], [1.0])


def test_the_ratios_interval_covers_as_often_as_it_says():
    """A true ratio of 1.05 under long-tailed noise and machine speeds that wander; 1,000 runs with a fixed seed."""
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(1000):
        speed = np.exp(np.cumsum(0.05 * rng.standard_normal(30)))[:, None]  # of a round
        a, b = (speed * np.exp(0.05 * rng.standard_normal((30, 2)) ** 2) for _ in "ab")
        found = ratio_interval(round_ratios(a.ravel().tolist(), (1.05 * b).ravel().tolist()))
        covered += found.low_s <= 1.05 <= found.high_s
    assert covered / 1000 >= 0.94


@given(st.integers(0, 200), st.integers(1, 150))
def test_the_largest_batch_is_found_with_few_questions(most, limit):
    asked = []

    def fits(batch):
        asked.append(batch)
        return batch <= most

    assert largest_batch(fits, limit) == min(most, limit)
    assert len(asked) == len(set(asked)) <= 2 * math.log2(limit) + 2
    assert max(asked) <= limit


def test_throughput_per_batch():
    clock = FakeClock()
    curve = throughput_curve(lambda batch: lambda i: clock.advance(0.25 + 0.25 * batch), doubling(5), clock, RULE)
    assert [(t.batch, t.images_per_s) for t in curve] == [(1, 2), (2, 2 / 0.75), (4, 4 / 1.25), (5, 5 / 1.5)]


def test_a_clock_that_goes_backwards_during_a_cold_start():
    clock = FakeClock()
    with pytest.raises(MeasurementError, match="backwards"):
        sample_cold(lambda: (lambda: clock.advance(-1.0), lambda: None), clock, 1)
