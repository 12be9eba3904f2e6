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
    """A rejected sample: how many samples were kept before it, its duration if that is finite, and the reason."""

    after: int
    duration_s: float | None
    reason: str


@dataclass(frozen=True)
class LatencyStats:
    """Samples in the order taken, with their statistics; a percentile without enough samples is None.

    `rejected` counts the rejected samples by reason, and `rejected_samples` lists them. `warmup_settled` is False where
    the warm-up reached its time limit before the durations were level.
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
        """Arithmetic mean in seconds; None without samples."""
        return math.fsum(self.samples_s) / self.n if self.samples_s else None

    def percentile(self, percent: float) -> Percentile:
        """A percentile with its 95 % bounds, or the number of samples that it still needs."""
        if percent not in self._percentiles:
            self._percentiles[percent] = percentile_in_time(self.samples_s, percent)
        return self._percentiles[percent]

    def percentile_s(self, percent: float) -> float | None:
        """A percentile by nearest rank; None where there are fewer samples than MIN_SAMPLES asks for."""
        return self.percentile(percent).value_s

    @cached_property
    def _percentiles(self) -> dict[float, Percentile]:
        return {}
