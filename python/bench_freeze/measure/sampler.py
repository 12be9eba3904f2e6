"""The sampler: warm up outside the samples, then time call after call until a rule says stop."""

from __future__ import annotations

from collections.abc import Callable

from .clock import Clock
from .stats import LatencyStats
from .stopping import StoppingRule

WARMUP_CALLS = 5  # at least, and
WARMUP_SECONDS = 0.5  # at least: caches, allocators and lazily chosen kernels settle in the first calls


def sample_latency(call: Callable[[int], object], clock: Clock, rule: StoppingRule) -> LatencyStats:
    """Time `call(i)` for i = 0, 1, 2 ...; `call` must be synchronous.

    Nothing but the call stands between the two readings of the clock.
    """
    began = clock.now_s()
    warmup = 0
    while warmup < WARMUP_CALLS or (clock.now_s() - began < min(WARMUP_SECONDS, rule.max_seconds) and warmup < 1000):
        call(warmup)
        warmup += 1
    samples: list[float] = []
    began = clock.now_s()
    while True:
        start = clock.now_s()
        call(len(samples))
        end = clock.now_s()
        samples.append(end - start)
        reason = rule.reason_to_stop(samples, end - began)
        if reason is not None:
            return LatencyStats(tuple(samples), reason, warmup)
