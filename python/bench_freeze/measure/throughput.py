"""Throughput over batch sizes, and the largest batch that fits, found by search."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .clock import Clock
from .sampler import sample_latency
from .stats import LatencyStats
from .stopping import StoppingRule


@dataclass(frozen=True)
class Throughput:
    """Latency per batch of one size, back to back, and the images per second of its median."""

    batch: int
    stats: LatencyStats

    @property
    def images_per_s(self) -> float | None:
        """None without samples, or where they took no time."""
        median = self.stats.percentile_s(50)
        return self.batch / median if median else None


def throughput_curve(
    call_of: Callable[[int], Callable[[int], object]], batches: Iterable[int], clock: Clock, rule: StoppingRule
) -> list[Throughput]:
    """Sample every batch size in turn; `call_of(batch)` prepares its input and returns the call to time."""
    return [Throughput(batch, sample_latency(call_of(batch), clock, rule)) for batch in batches]


def largest_batch(fits: Callable[[int], bool], limit: int) -> int:
    """The largest batch up to `limit` that fits, 0 when not even one image does.

    Doubling up to the first that does not fit, then bisection: at most 2 log2(limit) + 1 questions. `fits` must be
    monotonic: what fits at n fits at every smaller size.
    """
    if limit < 1 or not fits(1):
        return 0
    good, bad = 1, limit + 1
    while good < limit:
        trial = min(2 * good, limit)
        if not fits(trial):
            bad = trial
            break
        good = trial
    while bad - good > 1:
        trial = (good + bad) // 2
        good, bad = (trial, bad) if fits(trial) else (good, trial)
    return good


def doubling(limit: int) -> list[int]:
    """1, 2, 4 ... up to `limit`, which is the last of them."""
    sizes = [1]
    while 2 * sizes[-1] <= limit:
        sizes.append(2 * sizes[-1])
    return sizes if sizes[-1] == limit or limit < 1 else [*sizes, limit]
