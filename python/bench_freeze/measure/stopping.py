"""When to stop sampling: pure functions of the samples so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class StoppingRule:
    """Stop when the mean is known well enough, or when a cap is reached.

    `relative_error` is the standard error of the mean over the mean, as nvbench uses it.
    """

    max_samples: int
    max_seconds: float
    min_samples: int = 64
    relative_error: float = 0.005

    def reason_to_stop(self, samples_s: Sequence[float], elapsed_s: float) -> str | None:
        """Why sampling should end now, None while it should go on."""
        if len(samples_s) >= self.max_samples:
            return "samples"
        if elapsed_s >= self.max_seconds and samples_s:
            return "time"
        if len(samples_s) >= self.min_samples and relative_standard_error(samples_s) <= self.relative_error:
            return "precision"
        return None


def relative_standard_error(samples_s: Sequence[float]) -> float:
    """Standard error of the mean over the mean; infinite below two samples."""
    n = len(samples_s)
    if n < 2:
        return math.inf
    mean = math.fsum(samples_s) / n
    variance = math.fsum((s - mean) ** 2 for s in samples_s) / (n - 1)
    return math.sqrt(variance / n) / mean if mean > 0 else math.inf
