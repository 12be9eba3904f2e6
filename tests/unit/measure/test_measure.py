"""The sampler on a clock that only moves when told, and peak memory."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bench_freeze.errors import MeasurementError
from bench_freeze.measure.clock import CudaEventClock, FakeClock
from bench_freeze.measure.memory import PeakMemory
from bench_freeze.measure.sampler import (
    CLOCK_BACKWARDS,
    NOT_A_NUMBER,
    WARMUP_CALLS,
    SamplingFailed,
    sample_latency,
)
from bench_freeze.measure.stats import Rejected
from bench_freeze.measure.stopping import StoppingRule
from bench_freeze.measure.verdict import judge


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
    assert stats.warmup_settled
    assert not stats.rejected
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


class Readings:
    """A clock that shows the given moments, one per reading, then counts on by seconds."""

    def __init__(self, *moments):
        self.moments = list(moments)
        self.last = 0.0

    def now_s(self):
        self.last = self.moments.pop(0) if self.moments else self.last + 1
        return self.last


WARM = [float(i) for i in range(1 + 2 * WARMUP_CALLS)]  # the readings that a warm-up of one second a call takes


@pytest.mark.parametrize(("end", "reason", "kept_s"), [(99.0, CLOCK_BACKWARDS, -1.0), (math.nan, NOT_A_NUMBER, None)])
def test_an_impossible_duration_is_rejected_and_counted_and_its_call_repeated(end, reason, kept_s):
    calls = []
    clock = Readings(*WARM, 100.0, 100.0, end, 101.0, 102.0)
    stats = sample_latency(calls.append, clock, StoppingRule(max_samples=3, max_seconds=1e9, min_samples=99))
    assert stats.samples_s == (1.0, 1.0, 1.0)
    assert stats.rejected == {reason: 1}
    assert stats.rejected_samples == (Rejected(0, kept_s, reason),)
    assert calls[WARMUP_CALLS:] == [0, 0, 1, 2]
    judgement = judge(stats)
    assert judgement.verdict == "INVALID"
    assert reason in judgement.reasons[0]


def test_a_clock_that_is_broken_for_good_ends_the_run():
    class Backwards:
        now = 0.0

        def now_s(self):
            self.now -= 1.0
            return self.now

    stats = sample_latency(lambda i: None, Backwards(), StoppingRule(max_samples=3, max_seconds=1))
    assert (stats.n, stats.stopped_by) == (0, "rejections")
    assert judge(stats).verdict == "INVALID"


def test_a_guard_rejects_samples_with_its_reason():
    clock = FakeClock()
    call, _ = scripted(clock, [0.5])
    complaints = iter([None, "throttled", "throttled", None, None])
    rule = StoppingRule(max_samples=3, max_seconds=100, min_samples=99)
    stats = sample_latency(call, clock, rule, lambda duration_s: next(complaints))
    assert (stats.n, stats.rejected) == (3, {"throttled": 2})
    assert stats.rejected_samples == (Rejected(1, 0.5, "throttled"), Rejected(1, 0.5, "throttled"))


def test_a_call_that_fails_in_mid_run_leaves_its_samples():
    clock = FakeClock()

    def call(i):
        if i == 40:
            raise RuntimeError("GPU is lost")
        clock.advance(1.0)

    with pytest.raises(SamplingFailed, match="after 40 samples: GPU is lost") as failure:
        sample_latency(call, clock, StoppingRule(max_samples=50, max_seconds=1e9, min_samples=99))
    assert failure.value.partial.samples_s == (1.0,) * 40
    assert failure.value.exit_code == 3
    assert judge(failure.value.partial).verdict == "INVALID"


def test_a_gpu_that_is_gone_when_its_clock_is_asked_for_leaves_the_samples():
    clock = FakeClock()
    call, _ = scripted(clock, [0.5])
    answers = iter([None] * 7)

    def guard(duration_s):
        try:
            return next(answers)
        except StopIteration:
            raise MeasurementError("gpu0 disappeared during the run") from None

    with pytest.raises(SamplingFailed, match="after 7 samples: gpu0 disappeared") as failure:
        sample_latency(call, clock, StoppingRule(max_samples=50, max_seconds=1e9, min_samples=99), guard)
    assert failure.value.partial.n == 7


class Event:
    """A CUDA event whose stream is a list of the GPU's times in seconds."""

    def record(self, stream):
        self.at_s = stream.pop(0)
        self.is_waited_for = False

    def synchronize(self):
        self.is_waited_for = True


def test_the_gpus_own_time_is_added_up_from_event_to_event():
    def elapsed_ms(earlier, later):
        assert later.is_waited_for
        assert earlier.is_waited_for
        return float(np.float32((later.at_s - earlier.at_s) * 1e3))

    # A day after the driver started: in milliseconds of float32 from there, 2 us would be nothing.
    clock = CudaEventClock([86400.0, 86400.5, 86400.500002, 86401.0], Event, elapsed_ms)
    readings = [clock.now_s() for _ in range(3)]
    assert readings == pytest.approx([0.5, 0.500002, 1.0], abs=1e-7)


def test_warmup_goes_on_until_durations_are_level():
    clock = FakeClock()
    slow = iter([8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.125])
    rule = StoppingRule(max_samples=10, max_seconds=100, min_samples=5)

    def call(i):
        clock.advance(next(slow, 0.125))

    stats = sample_latency(call, clock, StoppingRule(max_samples=10, max_seconds=1, min_samples=5))
    assert not stats.warmup_settled  # patience is that of the rule
    assert any("warm-up" in reason for reason in judge(stats).reasons)
    slow = iter([0.08, 0.04, 0.02, 0.01, 0.005, 0.0025])
    stats = sample_latency(lambda i: clock.advance(next(slow, 0.00125)), clock, rule)
    assert stats.warmup_settled
    assert stats.warmup_calls > WARMUP_CALLS


def test_calls_that_take_no_time_on_a_clock_that_stands_still_end_too():
    stats = sample_latency(lambda i: None, FakeClock(), StoppingRule(max_samples=10, max_seconds=1))
    assert (stats.n, stats.stopped_by) == (10, "samples")


class Cuda:
    """torch.cuda before its first use in a process: its allocator's figures fail until the driver was started."""

    is_started = False

    def init(self) -> None:
        self.is_started = True

    def reset_peak_memory_stats(self, device: str) -> None:
        if not self.is_started:
            raise RuntimeError("Invalid device argument")

    def max_memory_allocated(self, device: str) -> int:
        return 7


def test_only_what_torch_computes_has_torchs_peak_on_a_gpu(monkeypatch):
    cuda = Cuda()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    found = []
    for is_torch in (True, False):
        with PeakMemory("cuda:0", is_torch=is_torch) as memory:
            pass
        found.append(memory.peak_bytes)
    assert found == [7, None]


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
