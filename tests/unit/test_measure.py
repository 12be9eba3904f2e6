"""Sampler, stopping rules and statistics, on a clock that only moves when told."""

import math

import pytest

from bench_freeze.measure.clock import FakeClock
from bench_freeze.measure.memory import PeakMemory
from bench_freeze.measure.sampler import WARMUP_CALLS, sample_latency
from bench_freeze.measure.stats import LatencyStats, nearest_rank
from bench_freeze.measure.stopping import StoppingRule, relative_standard_error


def scripted(clock, durations):
    calls = []

    def call(i):
        calls.append(i)
        clock.advance(durations[i % len(durations)])

    return call, calls


def test_durations_come_back_exactly_and_warmup_is_not_among_them():
    clock = FakeClock()
    durations = [0.25, 0.5, 0.125]
    call, calls = scripted(clock, durations)
    stats = sample_latency(call, clock, StoppingRule(max_samples=6, max_seconds=100, min_samples=99))
    assert stats.samples_s == (0.25, 0.5, 0.125, 0.25, 0.5, 0.125)
    assert stats.stopped_by == "samples"
    assert stats.warmup_calls == WARMUP_CALLS
    assert calls == [*range(WARMUP_CALLS), *range(6)]


def test_sampling_stops_when_the_mean_is_known():
    clock = FakeClock()
    call, _ = scripted(clock, [0.5])
    stats = sample_latency(call, clock, StoppingRule(max_samples=1000, max_seconds=1e9, min_samples=10))
    assert (stats.n, stats.stopped_by) == (10, "precision")


def test_sampling_stops_in_time():
    clock = FakeClock()
    call, _ = scripted(clock, [1.0, 3.0])
    stats = sample_latency(call, clock, StoppingRule(max_samples=1000, max_seconds=10, min_samples=500))
    assert stats.stopped_by == "time"
    assert sum(stats.samples_s) == pytest.approx(12)


def test_relative_standard_error_of_known_numbers():
    assert relative_standard_error([1.0]) == math.inf
    assert relative_standard_error([2.0, 2.0, 2.0]) == 0
    assert relative_standard_error([1.0, 3.0]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("n", "p90", "p99"), [(63, False, False), (64, True, False), (661, True, False), (662, True, True)]
)
def test_percentiles_are_withheld_below_their_minimum(n, p90, p99):
    stats = LatencyStats(tuple(float(i) for i in range(1, n + 1)), "samples", 5)
    assert (stats.percentile_s(90) is not None, stats.percentile_s(99) is not None) == (p90, p99)


def test_nearest_rank():
    assert nearest_rank([3.0, 1.0, 2.0, 4.0], 50) == 2.0
    assert nearest_rank([3.0, 1.0, 2.0, 4.0], 90) == 4.0
    assert nearest_rank([7.0], 50) == 7.0


def test_peak_memory_sees_what_was_allocated_and_freed():
    with PeakMemory() as small:
        pass
    with PeakMemory() as large:
        block = bytearray(200_000_000)
        block[::4096] = b"x" * len(block[::4096])
        del block
    if small.peak_bytes is None:
        pytest.skip("this kernel does not let a process reset its peak memory")
    assert large.peak_bytes - small.peak_bytes > 150_000_000
