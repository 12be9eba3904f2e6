"""Clocks: the host's monotonic clock, processor time, the GPU's clock, and one that tests move by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

SPIN_SECONDS = 0.0002  # a sleep overshoots by about 0.1 ms on a quiet machine, so the end of a wait is spun


class Clock(Protocol):
    """A source of seconds that never goes backwards."""

    def now_s(self) -> float:
        """Seconds since an arbitrary start."""
        ...


class PacingClock(Clock, Protocol):
    """A clock that can also wait."""

    def wait_until_s(self, moment_s: float) -> None:
        """Return when this clock reads `moment_s`; return at once if that moment has passed."""
        ...


class HostClock:
    """The host's monotonic clock; the calls that it times must be synchronous."""

    def now_s(self) -> float:
        """Seconds since an arbitrary start, with nanosecond resolution."""
        return time.perf_counter_ns() * 1e-9

    def wait_until_s(self, moment_s: float) -> None:
        """Sleep, then spin for the last 0.2 ms: accurate to a few microseconds where the scheduler allows."""
        while (left := moment_s - self.now_s()) > 0:
            if left > SPIN_SECONDS:
                time.sleep(left - SPIN_SECONDS)


class ProcessorClock:
    """Processor time of this process, summed over its threads: the cost of a call regardless of other processes.

    It stands still while the process waits for a core, a file or a device, so it suits only engines on the CPU. It
    cannot show that work is badly distributed over threads.
    """

    def now_s(self) -> float:
        """Seconds of user and system time, with the kernel's resolution (nanoseconds on Linux)."""
        return time.process_time_ns() * 1e-9


class CudaEventClock:
    """The GPU's own time: every reading records an event on the engine's stream and waits for the work before it.

    `new_event` makes an event with `record(stream)` and `synchronize()`; `elapsed_ms(earlier, later)` is the driver's
    answer, a float32 in milliseconds. The clock therefore sums the times between consecutive events: measured from the
    start, a float32 would resolve only about a microsecond after ten seconds.
    """

    def __init__(self, stream: Any, new_event: Callable[[], Any], elapsed_ms: Callable[[Any, Any], float]) -> None:
        self._stream, self._new_event, self._elapsed_ms = stream, new_event, elapsed_ms
        self._last = self._record()
        self._now_s = 0.0

    def now_s(self) -> float:
        """Seconds on the GPU since the clock was made."""
        event = self._record()
        self._now_s += self._elapsed_ms(self._last, event) * 1e-3
        self._last = event
        return self._now_s

    def _record(self) -> Any:
        event = self._new_event()
        event.record(self._stream)
        event.synchronize()
        return event


class FakeClock:
    """A clock that stands still until it is told to move, so that durations in tests are exact."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now_s(self) -> float:
        """Seconds advanced so far."""
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now_s += seconds

    def wait_until_s(self, moment_s: float) -> None:
        """Advance to `moment_s` if it lies ahead."""
        self._now_s = max(self._now_s, moment_s)
