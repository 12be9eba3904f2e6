"""Paced and cold calls, throughput and the search for the largest batch, on a fake clock."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_freeze.errors import MeasurementError
from bench_freeze.measure.clock import FakeClock, HostClock
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
