"""Clocks: the monotonic host clock, and one that tests move by hand."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A source of seconds that never goes backwards."""

    def now_s(self) -> float:
        """Seconds since an arbitrary start."""
        ...


class HostClock:
    """The host's monotonic clock; what it times must be synchronous."""

    def now_s(self) -> float:
        """Seconds since an arbitrary start, with nanosecond resolution."""
        return time.perf_counter_ns() * 1e-9


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
