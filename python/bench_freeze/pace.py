"""How long the rest of a run takes, by how long its steps have taken so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Work:
    """What a step does: so many units of a kind, and its time goes by them (images, or models)."""

    kind: str
    units: float = 1.0


@dataclass(frozen=True)
class Left:
    """Seconds that are still to come, and whether kinds of work are missing because none has been seen yet."""

    seconds: float
    is_part: bool


@dataclass
class Pace:
    """What is to do by kind, and what units of each kind took here. Steps without work are not in it."""

    to_do: dict[str, float] = field(default_factory=dict)
    most_s: dict[str, float] = field(default_factory=dict)  # by kind: what it may still take, where that is bounded
    _took: dict[str, tuple[float, float]] = field(default_factory=dict)  # by kind: units, seconds

    def expect(self, to_do: Mapping[str, float], most_s: Mapping[str, float] | None = None) -> None:
        """Say how many units of each kind are to come, and how long a kind may take whatever its units are."""
        self.to_do, self.most_s = dict(to_do), dict(most_s or {})

    def done(self, work: Work, seconds: float | None) -> None:
        """A step ended after so many seconds; None where its result was kept, which says nothing about the time."""
        self.found(work, seconds or 0.0)
        if seconds is not None:
            units, before = self._took.get(work.kind, (0.0, 0.0))
            self._took[work.kind] = units + work.units, before + seconds

    def found(self, work: Work, seconds: float = 0.0) -> None:
        """Work is not to come any more; it took so many of the seconds that its kind may take."""
        for left, amount in ((self.to_do, work.units), (self.most_s, seconds)):
            if work.kind in left:
                left[work.kind] = max(0.0, left[work.kind] - amount)

    def left(self, running: Work | None = None, gone_s: float = 0.0, step_left_s: float | None = None) -> Left | None:
        """What is to come, the rest of the running step included; None where nothing of it is known.

        `step_left_s` is what the step says of itself. It also stands for its kind where none of it has ended yet.
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
