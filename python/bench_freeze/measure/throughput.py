"""Throughput over batch sizes, and a search for the largest batch that fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .clock import Clock
from .sampler import sample_latency
from .stats import LatencyStats
from .stopping import StoppingRule


@dataclass(frozen=True)
class Throughput:
    """Back-to-back latency of batches of one size, and the throughput at its median."""

    batch: int
    stats: LatencyStats

    @property
    def images_per_s(self) -> float | None:
        """Images per second at the median latency; None without samples, or where the median is 0."""
        median = self.stats.percentile_s(50)
        return self.batch / median if median else None


def throughput_curve(
    call_of: Callable[[int], Callable[[int], object]], batches: Iterable[int], clock: Clock, rule: StoppingRule
) -> list[Throughput]:
    """Sample every batch size in turn; `call_of(batch)` prepares an input and returns the call to time."""
    return [Throughput(batch, sample_latency(call_of(batch), clock, rule)) for batch in batches]


def largest_batch(fits: Callable[[int], bool], limit: int) -> int:
    """The largest batch up to `limit` that fits; 0 when not even one image does.

    It doubles until a size does not fit, then bisects, and calls `fits` at most 2 log2(limit) + 1 times. `fits` must be
    monotonic: if n fits, every smaller size fits.
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
    """1, 2, 4 ... and, as the last size, `limit` itself."""
    sizes = [1]
    while 2 * sizes[-1] <= limit:
        sizes.append(2 * sizes[-1])
    return sizes if sizes[-1] == limit or limit < 1 else [*sizes, limit]
