"""How far a step is, in words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from .pace import Pace, Work

MOST_IN_A_LINE = 2  # details of the step; twenty arms' losses every ten seconds would be all that a log shows


@dataclass
class Status:
    """The progress of a step, for both displays. Times are in seconds of time.monotonic()."""

    title: str
    number: str = ""  # which step of how many
    began: float = field(default_factory=lambda: time.monotonic())
    done: int = 0
    total: int | None = None
    details: Sequence[str] = ()
    work: Work | None = None
    pace: Pace = field(default_factory=Pace)  # of the whole run
    _first: tuple[float, int] | None = None  # the time of the first report, and how much was done then

    def set(self, done: int, total: int) -> None:
        """Record progress. The pace counts from the first work done; items found in the store took no time."""
        if self._first is None or done <= self._first[1] or total != self.total:
            self._first = time.monotonic(), done
        self.done, self.total = done, total

    @property
    def share(self) -> float:
        """The share done, from 0 to 1; 0 before any report."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def left_s(self) -> float | None:
        """Estimated seconds left at the pace so far; None before it is known."""
        if self._first is None or self.total is None:
            return None
        began, first = self._first
        if self.done <= first:
            return None
        return (time.monotonic() - began) / (self.done - first) * max(self.total - self.done, 0)

    @property
    def left(self) -> str:
        """The time left, in words."""
        left_s = self.left_s()
        return "" if left_s is None else f"{duration(left_s)} left"

    @property
    def left_in_all(self) -> str:
        """The time left of the whole run, in words; empty if unknown."""
        left = self.pace.left(self.work, time.monotonic() - self.began, self.left_s())
        return "" if left is None else f"{'over' if left.is_part else 'about'} {duration(left.seconds)} left in all"

    @property
    def heading(self) -> str:
        """The step's number and its title."""
        return f"{self.number} {self.title}" if self.number else self.title

    def sentence(self) -> str:
        """Everything in one line; only the first ones of many details."""
        parts = [f"{duration(time.monotonic() - self.began)} gone"]
        if self.total:
            parts = [f"{self.share:.0%} ({self.done} of {self.total})", *parts, *filter(None, [self.left])]
        parts += filter(None, [self.left_in_all])
        more = len(self.details) - MOST_IN_A_LINE
        rest = [f"and {more} more"] if more > 0 else []
        return "; ".join([f"{self.heading}: {', '.join(parts)}", *self.details[:MOST_IN_A_LINE], *rest])


def duration(seconds: float) -> str:
    """Minutes and seconds as 2:05, with hours if there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
