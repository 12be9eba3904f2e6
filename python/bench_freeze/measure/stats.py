"""Statistics of latency samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Samples that a percentile needs before it is stated: MLPerf Inference's early-stopping minimums at 99 % confidence.
MIN_SAMPLES = {50: 1, 90: 64, 95: 130, 99: 662}


@dataclass(frozen=True)
class LatencyStats:
    """Samples of one scope with their statistics; a percentile without enough samples is None."""

    samples_s: tuple[float, ...]
    stopped_by: str
    warmup_calls: int

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.samples_s)

    @property
    def mean_s(self) -> float | None:
        """Arithmetic mean."""
        return math.fsum(self.samples_s) / self.n if self.samples_s else None

    def percentile_s(self, percent: int) -> float | None:
        """A percentile by the nearest-rank definition, None below MIN_SAMPLES of it."""
        if self.n < MIN_SAMPLES[percent]:
            return None
        return nearest_rank(self.samples_s, percent)


def nearest_rank(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` % of the samples do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]
