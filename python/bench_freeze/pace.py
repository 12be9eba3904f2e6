"""Estimate the remaining time of a run from the time of its finished steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Work:
    """The work of a step: a number of units of a kind (images, models), to which its time is proportional."""

    kind: str
    units: float = 1.0


@dataclass(frozen=True)
class Left:
    """Seconds left, and whether this excludes kinds of work that have not been timed yet."""

    seconds: float
    is_part: bool


@dataclass
class Pace:
    """Remaining units by kind, and the time that a unit of each kind took so far. Steps without work are left out."""

    to_do: dict[str, float] = field(default_factory=dict)
    most_s: dict[str, float] = field(default_factory=dict)  # by kind: the most it may still take, if that is bounded
    _took: dict[str, tuple[float, float]] = field(default_factory=dict)  # by kind: units, seconds

    def expect(self, to_do: Mapping[str, float], most_s: Mapping[str, float] | None = None) -> None:
        """Set how many units of each kind are left, and the most seconds that a kind may take in all."""
        self.to_do, self.most_s = dict(to_do), dict(most_s or {})

    def done(self, work: Work, seconds: float | None) -> None:
        """Record that a step ended after `seconds`; None if its result was found in the store."""
        self.found(work, seconds or 0.0)
        if seconds is not None:
            units, before = self._took.get(work.kind, (0.0, 0.0))
            self._took[work.kind] = units + work.units, before + seconds

    def found(self, work: Work, seconds: float = 0.0) -> None:
        """Record work that need not run any more; `seconds` count against the limit of its kind."""
        for left, amount in ((self.to_do, work.units), (self.most_s, seconds)):
            if work.kind in left:
                left[work.kind] = max(0.0, left[work.kind] - amount)

    def left(self, running: Work | None = None, gone_s: float = 0.0, step_left_s: float | None = None) -> Left | None:
        """The time left, including the rest of the running step; None if nothing is known.

        `step_left_s` is the step's own estimate. It also serves as the pace of its kind until a step of that kind has
        ended.
        """
        if not self.to_do:
            return None
        rates = {kind: seconds / units for kind, (units, seconds) in self._took.items() if units}
        after = dict(self.to_do)
        left_s, known, missing = 0.0, False, False
        if running is not None:
            after[running.kind] = max(0.0, after.get(running.kind, 0.0) - running.units)
            if step_left_s is not None and running.units:
                rates.setdefault(running.kind, (gone_s + step_left_s) / running.units)
            elif running.kind in rates:
                step_left_s = max(0.0, rates[running.kind] * running.units - gone_s)
            missing = step_left_s is None
        if step_left_s is not None:
            left_s, known = step_left_s, True
        for kind, units in after.items():
            if units and kind in rates:
                later_s = units * rates[kind]
                if kind in self.most_s:
                    now_s = gone_s + (step_left_s or 0.0) if running is not None and running.kind == kind else 0.0
                    later_s = min(later_s, max(0.0, self.most_s[kind] - now_s))
                left_s, known = left_s + later_s, True
            elif units:
                missing = True
        return Left(left_s, missing) if known else None
