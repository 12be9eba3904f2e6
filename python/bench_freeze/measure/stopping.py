"""When to stop sampling: pure functions of a running summary, which one more sample updates in constant time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .entropy import RunningEntropy

Criterion = Literal["stdrel", "entropy"]


@dataclass(frozen=True)
class StoppingRule:
    """Stop when the samples say enough, or when a cap is reached.

    Two criteria, both nvbench's: "stdrel" asks for a standard error of the mean of at most `relative_error` of the
    mean; "entropy" for a distribution whose entropy no longer grows (see entropy.py), which also ends on noise that
    averaging does not shrink. Neither is asked before `min_samples`.
    """

    max_samples: int
    max_seconds: float
    min_samples: int = 64
    relative_error: float = 0.005
    criterion: Criterion = "stdrel"

    def reason_to_stop(self, samples: int, elapsed_s: float, precise: bool) -> str | None:
        """Why sampling should end now ("precision", "samples" or "time"), None while it should go on.

        `precise` is the criterion's answer. The caps are asked last: a run that is precise in its last sample is
        precise.
        """
        if precise and samples >= self.min_samples:
            return "precision"
        if samples >= self.max_samples:
            return "samples"
        return "time" if elapsed_s >= self.max_seconds and samples else None

    def summary(self) -> RunningMean | RunningEntropy:
        """An empty running summary of the kind that this rule's criterion asks."""
        return RunningEntropy() if self.criterion == "entropy" else RunningMean(self.relative_error)


class RunningMean:
    """Mean and squared deviations of a stream, by Welford's update: no cancellation however long it runs."""

    __slots__ = ("_limit", "_mean", "_n", "_squares")

    def __init__(self, limit: float = 0.005) -> None:
        self._limit = limit
        self._n = 0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, value: float) -> bool:
        """Take one more value; whether the relative standard error is now within the limit."""
        self._n = n = self._n + 1
        delta = value - self._mean
        self._mean = mean = self._mean + delta / n
        self._squares = squares = self._squares + delta * (value - mean)
        # The comparison of relative_standard_error() with the limit, squared: no root per sample.
        return n > 1 and mean > 0 and squares <= (self._limit * mean) ** 2 * n * (n - 1)

    def relative_standard_error(self) -> float:
        """Standard error of the mean over the mean; infinite below two values or at a mean that is not positive."""
        if self._n < 2 or not self._mean > 0:
            return math.inf
        return math.sqrt(self._squares / (self._n - 1) / self._n) / self._mean


def relative_standard_error(samples_s: Sequence[float]) -> float:
    """The same of a finished sequence, exactly summed: what RunningMean is tested against."""
    n = len(samples_s)
    if n < 2:
        return math.inf
    mean = math.fsum(samples_s) / n
    variance = math.fsum((s - mean) ** 2 for s in samples_s) / (n - 1)
    return math.sqrt(variance / n) / mean if mean > 0 else math.inf
