"""The sampler: warm up untimed, then time call after call until a rule says stop."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from ..errors import BenchFreezeError, MeasurementError
from .clock import Clock
from .stats import LatencyStats, Rejected
from .stopping import DependenceLook, StoppingRule

WARMUP_CALLS = 6  # at least
WARMUP_SECONDS = 0.5  # at least: caches, allocators and lazily chosen kernels settle in the first calls
WARMUP_PATIENCE_SECONDS = 5.0  # a machine that has not settled by then will not; the verdict reports it
WARMUP_MAX_CALLS = 10_000
WARMUP_TOLERANCE = 0.05
MAX_REJECTED = 1000

CLOCK_BACKWARDS = "the clock went backwards"
NOT_A_NUMBER = "the duration is not a finite number"

Guard = Callable[[float], "str | None"]


class SamplingFailed(MeasurementError):
    """The measured call failed during the run; `partial` holds the samples taken before the failure."""

    def __init__(self, message: str, partial: LatencyStats) -> None:
        super().__init__(message)
        self.partial = partial


def sample_latency(
    call: Callable[[int], object],
    clock: Clock,
    rule: StoppingRule,
    guard: Guard | None = None,
    before: Callable[[], object] | None = None,
    period: int = 1,
) -> LatencyStats:
    """Time `call(i)` for i = 0, 1, 2 ...; `call` must be synchronous.

    Only the call runs between the two readings of the clock. `guard` gets every duration in seconds after its call and
    returns why the sample must not count (a throttled clock, for example), or None. A rejected sample is counted by its
    reason, and `call` gets the same i again. `before` runs before every call, warm-up included, and is not timed.
    `period` is the number of distinct inputs that `call` cycles through: sampling continues for samples that depend on
    their neighbours, but not for a dependence that only follows the inputs. Raises SamplingFailed when `call` raises;
    a BenchFreezeError from the warm-up passes through unchanged.
    """
    try:
        warmup_calls, settled = warm_up(call, clock, rule, before)
    except BenchFreezeError:
        raise
    except Exception as error:
        nothing = LatencyStats((), "failure", 0, warmup_settled=False)
        raise SamplingFailed(f"the measured call failed in its warm-up: {_sentence(error)}", nothing) from error
    samples: list[float] = []
    rejected: list[Rejected] = []
    now_s, keep, summary = clock.now_s, samples.append, rule.summary()
    look = DependenceLook(rule, period)
    n = 0
    began = now_s()
    while True:
        try:
            if before is not None:
                before()
            start = now_s()
            call(n)
            end = now_s()
            duration = end - start
            reason: str | None
            if not 0.0 <= duration < math.inf:
                reason = CLOCK_BACKWARDS if duration < 0 else NOT_A_NUMBER
            else:
                reason = None if guard is None else guard(duration)
        except Exception as error:  # from the call, or from a GPU that is gone when its clock is read
            partial = _stats(samples, "failure", warmup_calls, rejected, settled)
            raise SamplingFailed(f"the measured call failed after {n} samples: {_sentence(error)}", partial) from error
        if reason is not None:
            rejected.append(Rejected(n, duration if math.isfinite(duration) else None, reason))
            stop = "rejections" if len(rejected) >= MAX_REJECTED else None
            stop = stop or ("time" if end - began >= rule.max_seconds else None)
        else:
            keep(duration)
            n += 1
            stop = look.reason_to_stop(samples, end - began, summary.add(duration))
        if stop is not None:
            return _stats(samples, stop, warmup_calls, rejected, settled)


def warm_up(
    call: Callable[[int], object], clock: Clock, rule: StoppingRule, before: Callable[[], object] | None = None
) -> tuple[int, bool]:
    """Call until the durations are level; return the number of calls and whether they became level."""
    least_s = min(WARMUP_SECONDS, rule.max_seconds)
    most_s = min(WARMUP_PATIENCE_SECONDS, rule.max_seconds)
    durations: list[float] = []
    check_at = WARMUP_CALLS
    began = clock.now_s()
    while True:
        if before is not None:
            before()
        start = clock.now_s()
        call(len(durations))
        end = clock.now_s()
        durations.append(end - start)
        n = len(durations)
        if n >= WARMUP_MAX_CALLS:
            return n, is_level(durations)
        if n < check_at or end - began < least_s:
            continue
        if is_level(durations):
            return n, True
        if end - began >= most_s:
            return n, False
        check_at = n + max(1, n // 4)  # a check sorts: at every call it would cost more than a short call


def is_level(durations_s: list[float]) -> bool:
    """Whether the last quarter's median lies within the range of the quarter before, give or take WARMUP_TOLERANCE.

    With few calls the two halves are compared instead. With many, the first half is ignored, so that a slow start
    does not matter.
    """
    recent = durations_s[len(durations_s) // 2 :] if len(durations_s) > 2 * WARMUP_CALLS else durations_s
    earlier, later = recent[: len(recent) // 2], sorted(recent[len(recent) // 2 :])
    median = later[len(later) // 2]
    return min(earlier) * (1 - WARMUP_TOLERANCE) <= median <= max(earlier) * (1 + WARMUP_TOLERANCE)


def _stats(
    samples: list[float], stopped_by: str, warmup_calls: int, rejected: list[Rejected], settled: bool
) -> LatencyStats:
    counts = dict(Counter(sample.reason for sample in rejected))
    return LatencyStats(tuple(samples), stopped_by, warmup_calls, counts, settled, tuple(rejected))


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
