"""Regimes other than back-to-back calls: paced at a rate, as by a camera, and cold, right after loading.

They measure different things: between paced calls clock rates drop and caches go cold, and the first call pays for all
lazy initialization.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from ..errors import MeasurementError
from .clock import Clock, PacingClock
from .sampler import sample_latency
from .stats import LatencyStats
from .stopping import StoppingRule

ON_TIME = 0.01  # of a period: a call that ends this little after a multiple has not missed it


@dataclass(frozen=True)
class Paced:
    """Calls at a rate; `missed` of the `periods` began while an earlier call was running and were skipped."""

    stats: LatencyStats
    rate_hz: float
    periods: int
    missed: int


def sample_paced(call: Callable[[int], object], clock: PacingClock, rule: StoppingRule, rate_hz: float) -> Paced:
    """Call at every multiple of the period, warm-up included; the wait is not part of the samples.

    When a call overruns its period, the next call waits for the next multiple, like a camera that drops frames. Raises
    ValueError unless the rate is above 0, and SamplingFailed when the call fails.
    """
    if not rate_hz > 0:
        raise ValueError(f"a rate of {rate_hz} Hz")
    pace = _Pace(clock, 1 / rate_hz)
    stats = sample_latency(call, clock, rule, before=pace.wait)
    return Paced(stats, rate_hz, pace.periods, pace.missed)


class _Pace:
    """Waits for the next multiple of a period and counts the multiples that were missed."""

    def __init__(self, clock: PacingClock, period_s: float) -> None:
        self._clock = clock
        self._period_s = period_s
        self._origin_s = clock.now_s()
        self.periods = 0
        self.missed = 0

    def wait(self) -> None:
        due = math.ceil((self._clock.now_s() - self._origin_s) / self._period_s - ON_TIME)
        self.missed += max(0, due - self.periods)
        self.periods = max(self.periods, due)
        self._clock.wait_until_s(self._origin_s + self.periods * self._period_s)
        self.periods += 1


@dataclass(frozen=True)
class Cold:
    """Seconds in each repetition: loading, the first call, and the second call for comparison."""

    load_s: tuple[float, ...]
    first_s: tuple[float, ...]
    second_s: tuple[float, ...]


def sample_cold(
    load: Callable[[], tuple[Callable[[], object], Callable[[], object]]], clock: Clock, repeats: int
) -> Cold:
    """Load, call twice and unload, `repeats` times; `load()` returns (call, unload).

    All repetitions run in one process: files stay in the page cache and libraries stay loaded, so the very first start
    costs more. Raises MeasurementError for a clock that goes backwards.
    """
    columns: tuple[list[float], list[float], list[float]] = ([], [], [])
    for _ in range(repeats):
        moments = [clock.now_s()]
        call, unload = load()
        moments.append(clock.now_s())
        for _ in range(2):
            call()
            moments.append(clock.now_s())
        unload()
        if any(end < start for start, end in pairwise(moments)):
            raise MeasurementError("the clock went backwards during a cold start; its times cannot be used.")
        for column, (start, end) in zip(columns, pairwise(moments), strict=True):
            column.append(end - start)
    return Cold(*(tuple(column) for column in columns))
