"""Energy per call over a window, from an energy counter or from power readings integrated over time."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

from ...errors import MeasurementError
from ...results.profile import EnergyFigures
from ..clock import PacingClock

MIN_WINDOW_SECONDS = 5.0  # NVML's counter moves every 100 ms, and some GPUs sample their power a quarter of the time
POWER_PERIOD_SECONDS = 0.05


class EnergyCounter(Protocol):
    """A counter of joules, with the name of the method behind it."""

    @property
    def method(self) -> str:
        """The name of the method, for the results."""
        ...

    def joules(self) -> float:
        """Joules since an arbitrary start. Raises MeasurementError when the counter can no longer be read."""
        ...


def measure_energy(
    call: Callable[[int], object],
    counter: EnergyCounter,
    clock: PacingClock,
    *,
    window_s: float = MIN_WINDOW_SECONDS,
    windows: int = 3,
) -> EnergyFigures:
    """Idle for one window, call back to back for `windows` windows, and return the medians of joules per call.

    The gross figure of a window is (E1 - E0) / calls; the figure above idle subtracts the idle power times the time per
    call. The spread of the windows shows how precise the figure is. `calls` and `window_s` of the result are those of
    the last window. Raises ValueError for a `window_s` below MIN_WINDOW_SECONDS or without windows, and
    MeasurementError for a counter that cannot be read, stands still or goes backwards.
    """
    if not window_s >= MIN_WINDOW_SECONDS or windows < 1:
        raise ValueError(f"energy needs windows of at least {MIN_WINDOW_SECONDS} s, and one of them")
    start_s, start_j = clock.now_s(), counter.joules()
    clock.wait_until_s(start_s + window_s)
    idle_watts = (counter.joules() - start_j) / (clock.now_s() - start_s)
    gross, above = [], []
    calls, seconds = 0, 0.0
    for _ in range(windows):
        start_s, start_j, calls = clock.now_s(), counter.joules(), 0
        while clock.now_s() - start_s < window_s:
            call(calls)
            calls += 1
        joules, seconds = counter.joules() - start_j, clock.now_s() - start_s
        if not 0 < joules < math.inf:
            raise MeasurementError(f"{counter.method}: {joules} J in {seconds:.1f} s of work; the counter is broken.")
        gross.append(joules / calls)
        above.append((joules - idle_watts * seconds) / calls)
    return EnergyFigures(
        joules_per_call=statistics.median(gross),
        joules_per_call_above_idle=statistics.median(above),
        idle_watts=idle_watts,
        window_s=seconds,
        calls=calls,
        windows_j=gross,
        method=counter.method,
    )


def integrate(times_s: Sequence[float], watts: Sequence[float]) -> float:
    """Integrate power readings to joules by the trapezoidal rule. Raises ValueError for times that go backwards."""
    steps = [b - a for a, b in pairwise(times_s)]
    if any(not step >= 0 for step in steps):
        raise ValueError("times of power readings go backwards")
    return math.fsum(step * (a + b) / 2 for step, (a, b) in zip(steps, pairwise(watts), strict=True))


class PowerIntegral:
    """A counter that integrates power readings, taken by a thread every POWER_PERIOD_SECONDS while it is open.

    The thread uses time on the machine that it watches: use it for energy windows, not while latency is sampled.
    """

    def __init__(self, watts: Callable[[], float | None], method: str) -> None:
        self.method = f"{method}, read every {POWER_PERIOD_SECONDS * 1e3:.0f} ms and integrated"
        self._watts = watts
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._last: tuple[float, float] | None = None
        self._joules = 0.0
        self._failed: str | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> PowerIntegral:
        self._take()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def joules(self) -> float:
        """Joules from opening until now. Raises MeasurementError once the power could not be read."""
        self._take()
        if self._failed is not None:
            raise MeasurementError(f"{self.method}: {self._failed}.")
        return self._joules

    def _run(self) -> None:
        while not self._stop.wait(POWER_PERIOD_SECONDS):
            self._take()

    def _take(self) -> None:
        with self._lock:
            watts = self._watts()
            now = time.monotonic()
            if watts is None:
                self._failed = "the power can no longer be read"
                return
            if self._last is not None:
                then, before = self._last
                self._joules += integrate((then, now), (before, watts))
            self._last = now, watts
