"""Stages of a pipeline: where the time of a call goes, and whether the stages add up to the whole."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .clock import Clock

UNACCOUNTED_SHARE = 0.02
UNACCOUNTED_SECONDS = 50e-6  # spent between the stages: function calls, allocating a batch


class StageClock:
    """A stopwatch with laps: `begin` a call, then call `lap(stage)` at the end of every piece of work.

    The laps of a stage that occurs several times in one call, such as reading each image of a batch, are summed.
    """

    def __init__(self, clock: Clock) -> None:
        self._now_s = clock.now_s
        self._last_s = 0.0
        self.calls: list[dict[str, float]] = []  # seconds by stage, one entry per call in the order of calls

    def begin(self) -> None:
        """Start a new call."""
        self.calls.append({})
        self._last_s = self._now_s()

    def lap(self, stage: str) -> None:
        """Assign the time since the last lap to this stage."""
        now_s = self._now_s()
        stages = self.calls[-1]
        stages[stage] = stages.get(stage, 0.0) + now_s - self._last_s
        self._last_s = now_s

    def split(self, stage: str, parts: Mapping[str, float]) -> None:
        """Move seconds out of `stage` that code inside it measured itself: each part becomes a stage of its own."""
        stages = self.calls[-1]
        for part, seconds in parts.items():
            stages[part] = stages.get(part, 0.0) + seconds
            stages[stage] -= seconds


@dataclass(frozen=True)
class StageTimes:
    """Medians over the calls, in seconds; `unaccounted_s` is the median of the whole minus all stages."""

    stages_s: dict[str, float]
    unaccounted_s: float
    adds_up: bool


def stage_times(calls: Sequence[Mapping[str, float]], whole_s: Sequence[float]) -> StageTimes:
    """Summarize the laps of calls whose durations are `whole_s`, in the same order.

    The stages add up when the unaccounted time, positive or negative, is at most 2 % of the whole or 50 us. Raises
    ValueError without calls, or unless there is one duration per call.
    """
    if not calls or len(calls) != len(whole_s):
        raise ValueError(f"stages of {len(calls)} calls for {len(whole_s)} durations")
    names = list(dict.fromkeys(name for call in calls for name in call))
    unaccounted = statistics.median(
        whole - math.fsum(call.values()) for call, whole in zip(calls, whole_s, strict=True)
    )
    noise = max(UNACCOUNTED_SHARE * statistics.median(whole_s), UNACCOUNTED_SECONDS)
    return StageTimes(
        {name: statistics.median(call.get(name, 0.0) for call in calls) for name in names},
        unaccounted,
        abs(unaccounted) <= noise,
    )
