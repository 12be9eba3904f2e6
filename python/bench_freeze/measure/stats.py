"""Samples of one scope, with their statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from msgspec import Struct

from .percentiles import MIN_SAMPLES, Percentile, nearest_rank, percentile_in_time

__all__ = ["MIN_SAMPLES", "LatencyStats", "Rejected", "nearest_rank"]


class Rejected(Struct, frozen=True, array_like=True):
    """A sample that was not kept: the number of samples kept before it, its duration if that is finite, and why."""

    after: int
    duration_s: float | None
    reason: str


@dataclass(frozen=True)
class LatencyStats:
    """Samples in the order taken, with their statistics; a percentile without enough samples is None.

    `rejected` counts, by reason, the samples that were taken and not kept, `rejected_samples` are these one by one.
    `warmup_settled` is False where the warm-up ran out of patience before the durations were level.
    """

    samples_s: tuple[float, ...]
    stopped_by: str
    warmup_calls: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    warmup_settled: bool = True
    rejected_samples: tuple[Rejected, ...] = ()

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.samples_s)

    @property
    def mean_s(self) -> float | None:
        """Arithmetic mean."""
        return math.fsum(self.samples_s) / self.n if self.samples_s else None

    def percentile(self, percent: float) -> Percentile:
        """A percentile with its 95 % bounds, or the number of samples that it misses."""
        if percent not in self._percentiles:
            self._percentiles[percent] = percentile_in_time(self.samples_s, percent)
        return self._percentiles[percent]

    def percentile_s(self, percent: float) -> float | None:
        """A percentile by the nearest-rank definition, None below MIN_SAMPLES of it."""
        return self.percentile(percent).value_s

    @cached_property
    def _percentiles(self) -> dict[float, Percentile]:
        return {}
