"""When to stop sampling: pure functions of a running summary, which each sample updates in constant time.

The summary treats samples as independent. Only when it is satisfied is their dependence checked, and rarely, because
the check sorts and transforms all samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .dependence import independent_samples
from .entropy import RunningEntropy
from .stability import relative

Criterion = Literal["stdrel", "entropy"]

LOOK_AGAIN = 1.25  # look again when there are this many times as many samples
# Of `min_samples`: 64 independent samples are estimated as about 54, because the inflation is never below 1.
INDEPENDENT_SHARE = 0.75


@dataclass(frozen=True)
class StoppingRule:
    """Stop when the samples are precise enough, or when a cap is reached.

    There are two criteria, both from nvbench. "stdrel" requires a standard error of the mean of at most
    `relative_error` times the mean. "entropy" requires a distribution whose entropy no longer grows (see entropy.py),
    which also ends on noise that averaging does not reduce. Neither applies before `min_samples`, and samples that
    depend on their neighbours must be worth about that number of independent ones (`DependenceLook`).
    """

    max_samples: int
    max_seconds: float
    min_samples: int = 64
    relative_error: float = 0.005
    criterion: Criterion = "stdrel"

    def reason_to_stop(self, samples: int, elapsed_s: float, precise: bool) -> str | None:
        """Why sampling should end now ("precision", "samples" or "time"); None while it should continue.

        `precise` is the criterion's answer. The caps are checked last, so that a run whose last sample makes it precise
        counts as precise.
        """
        if precise and samples >= self.min_samples:
            return "precision"
        if samples >= self.max_samples:
            return "samples"
        return "time" if elapsed_s >= self.max_seconds and samples else None

    def summary(self) -> RunningMean | RunningEntropy:
        """An empty running summary of the kind that this rule's criterion needs."""
        return RunningEntropy() if self.criterion == "entropy" else RunningMean(self.relative_error)


class DependenceLook:
    """Checks whether samples that look precise as independent ones are still precise given their dependence.

    It is asked after every sample, but looks only the first time and then whenever there are LOOK_AGAIN times as many.
    `period` is the number of distinct inputs that the samples cycle through.
    """

    __slots__ = ("_next", "_period", "_rule")

    def __init__(self, rule: StoppingRule, period: int = 1) -> None:
        self._rule = rule
        self._period = period
        self._next = 0

    def reason_to_stop(self, samples_s: Sequence[float], elapsed_s: float, precise: bool) -> str | None:
        """Like the rule's, for the samples kept so far in the order taken; the caps hold for any dependence."""
        stop = self._rule.reason_to_stop(len(samples_s), elapsed_s, precise)
        if stop == "precision" and not self.is_enough(samples_s):
            return self._rule.reason_to_stop(len(samples_s), elapsed_s, False)
        return stop

    def is_enough(self, samples_s: Sequence[float]) -> bool:
        """Whether the samples are precise enough given their dependence; False between two looks."""
        n = len(samples_s)
        if n < self._next:
            return False
        self._next = math.ceil(n * LOOK_AGAIN)
        independent = independent_samples(relative(samples_s, self._period))
        if independent < self._rule.min_samples * INDEPENDENT_SHARE:
            return False
        if self._rule.criterion == "entropy":
            return True
        return relative_standard_error(samples_s) * math.sqrt(n / independent) <= self._rule.relative_error


class RunningMean:
    """Mean and squared deviations of a stream by Welford's update, which avoids cancellation in long runs."""

    __slots__ = ("_limit", "_mean", "_n", "_squares")

    def __init__(self, limit: float = 0.005) -> None:
        self._limit = limit
        self._n = 0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, value: float) -> bool:
        """Add a value; return whether the relative standard error is now within the limit."""
        self._n = n = self._n + 1
        delta = value - self._mean
        self._mean = mean = self._mean + delta / n
        self._squares = squares = self._squares + delta * (value - mean)
        # relative_standard_error() <= limit, squared on both sides to save a square root per sample.
        return n > 1 and mean > 0 and squares <= (self._limit * mean) ** 2 * n * (n - 1)

    def relative_standard_error(self) -> float:
        """Standard error of the mean over the mean; infinite with fewer than two values or a mean that is <= 0."""
        if self._n < 2 or not self._mean > 0:
            return math.inf
        return math.sqrt(self._squares / (self._n - 1) / self._n) / self._mean


def relative_standard_error(samples_s: Sequence[float]) -> float:
    """The same for a finished sequence, summed exactly: the reference that RunningMean is tested against."""
    n = len(samples_s)
    if n < 2:
        return math.inf
    mean = math.fsum(samples_s) / n
    variance = math.fsum((s - mean) ** 2 for s in samples_s) / (n - 1)
    return math.sqrt(variance / n) / mean if mean > 0 else math.inf
