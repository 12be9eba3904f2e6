"""Clocks: the monotonic host clock, and one that tests move by hand."""

from __future__ import annotations

import time
from typing import Protocol

SPIN_SECONDS = 0.0002  # sleeping overshoots by about 0.1 ms on a quiet machine; the rest of a wait is spun


class Clock(Protocol):
    """A source of seconds that never goes backwards."""

    def now_s(self) -> float:
        """Seconds since an arbitrary start."""
        ...


class PacingClock(Clock, Protocol):
    """A clock that one can wait on."""

    def wait_until_s(self, moment_s: float) -> None:
        """Return at `moment_s` of this clock, at once when that has passed."""
        ...


class HostClock:
    """The host's monotonic clock; what it times must be synchronous."""

    def now_s(self) -> float:
        """Seconds since an arbitrary start, with nanosecond resolution."""
        return time.perf_counter_ns() * 1e-9

    def wait_until_s(self, moment_s: float) -> None:
        """Sleep, and spin at the very end: within a few microseconds of `moment_s` where the scheduler allows."""
        while (left := moment_s - self.now_s()) > 0:
            if left > SPIN_SECONDS:
                time.sleep(left - SPIN_SECONDS)


class FakeClock:
    """A clock that stands still until it is told to move: measured durations are then exact in tests."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now_s(self) -> float:
        """Seconds that were advanced so far."""
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now_s += seconds

    def wait_until_s(self, moment_s: float) -> None:
        """Advance to `moment_s` if it lies ahead."""
        self._now_s = max(self._now_s, moment_s)
