"""Time callables together in one process, in rounds, so that whatever slows the machine down affects all of them.

A round consists of a few mirrored pairs. A pair calls everything once in a random order and once in the reverse order,
so the two calls of every callable are centred on the same moment: a linear drift cancels in their mean, and no callable
always follows the same other one. In a round each callable gets one number, the median of its pairs' means. Two
callables are compared by the ratio of their numbers in the same round, and the ratio's median over rounds is reported.

    rounds = Rounds({"old": old.infer_next, "new": new.infer_next}, HostClock(), seed=7)
    rounds.warm_up(max_seconds=5)
    rounds.run(20, max_seconds=60)
    found = rounds.ratio("new", to="old")       # found.value 1.08, found.low 1.05, found.high 1.11
    rounds.run(20)                              # not precise enough: run twenty more
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from ..errors import BenchFreezeError, MeasurementError
from .clock import Clock
from .percentiles import CONFIDENCE, bound_ranks
from .sampler import warm_up
from .stopping import StoppingRule

PAIRS = 3  # the median of three forgives one call that was interrupted

Call = Callable[[int], object]


class RoundFailed(MeasurementError):
    """A callable failed during a round; `name` is its name. The finished rounds are kept in `Rounds.finished`."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True)
class Round:
    """One round: the names in calling order, the seconds of every call, and the machine's `state` before it."""

    order: tuple[str, ...]
    seconds: Mapping[str, tuple[float, ...]]  # by name, in the order taken: 2 * pairs calls
    state: Mapping[str, Any] = field(default_factory=dict)

    def level_s(self, name: str) -> float:
        """Seconds of one call: the median over mirrored pairs of their means."""
        taken = self.seconds[name]
        return statistics.median((taken[k] + taken[k + 1]) / 2 for k in range(0, len(taken), 2))

    def ratio(self, name: str, to: str) -> float:
        """Time of `name` divided by the time of `to`, in this round."""
        return self.level_s(name) / self.level_s(to)


@dataclass(frozen=True)
class Ratio:
    """The median of the rounds' ratios with its bounds, which are None where there are too few rounds."""

    value: float
    low: float | None
    high: float | None
    confidence: float
    rounds: int


class Rounds:
    """Times callables against each other, round by round, and keeps the rounds.

    `calls` maps names to synchronous callables. Each gets a number that is the same for all calls of a mirrored pair,
    so that all work on the same input. `state` is read before every round, outside the timed calls. `own_clocks` gives
    some names a clock of their own, such as the events of a GPU's stream. `between` runs before every call, untimed.
    Equal seeds give equal orders. Raises ValueError without a callable or with fewer than one pair.
    """

    def __init__(
        self,
        calls: Mapping[str, Call],
        clock: Clock,
        *,
        pairs: int = PAIRS,
        seed: int = 0,
        state: Callable[[], Mapping[str, Any]] | None = None,
        own_clocks: Mapping[str, Clock] | None = None,
        between: Callable[[], None] | None = None,
    ) -> None:
        if not calls or pairs < 1:
            raise ValueError("rounds need a callable and a pair of calls")
        self._calls = dict(calls)
        self._clock = clock
        self._own_clocks = dict(own_clocks or {})
        self._pairs = pairs
        self._random = random.Random(seed)
        self._state = state
        self._between = between
        self.finished: list[Round] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the next round calls."""
        return tuple(self._calls)

    def warm_up(self, max_seconds: float) -> None:
        """Call each until its durations are level, within `max_seconds` in total. Raises RoundFailed."""
        share = max_seconds / len(self._calls)
        for name, call in self._calls.items():
            try:
                warm_up(call, self._clock, StoppingRule(1, share), self._between)
            except BenchFreezeError:
                raise
            except Exception as error:
                raise RoundFailed(_failure(name, "its warm-up", error), name) from error

    def drop(self, name: str) -> None:
        """Leave a callable out of further rounds, for example after it failed; its finished rounds are kept."""
        del self._calls[name]

    def run(self, rounds: int, max_seconds: float = math.inf) -> Literal["rounds", "time"]:
        """Run up to `rounds` more rounds, starting none after `max_seconds`; return which limit ended the run.

        Raises RoundFailed when a callable fails, and MeasurementError for a clock that stands still or goes backwards.
        The unfinished round is then lost; the finished ones are kept, and further rounds can be added.
        """
        began = self._clock.now_s()
        for _ in range(rounds):
            if self._clock.now_s() - began >= max_seconds:
                return "time"
            self.finished.append(self._round())
        return "rounds"

    def ratio(self, name: str, to: str, confidence: float = CONFIDENCE) -> Ratio:
        """The ratio of `name` to `to` over the rounds that timed both. Raises ValueError where no round did."""
        return ratio_interval([r.ratio(name, to) for r in self.finished if {name, to} <= r.seconds.keys()], confidence)

    def _round(self) -> Round:
        state = dict(self._state()) if self._state is not None else {}
        number = len(self.finished) * self._pairs
        order: list[str] = []
        seconds: dict[str, list[float]] = {name: [] for name in self._calls}
        for pair in range(number, number + self._pairs):
            names = list(self._calls)
            self._random.shuffle(names)
            for name in (*names, *reversed(names)):
                seconds[name].append(self._timed(name, pair))
                order.append(name)
        return Round(tuple(order), {name: tuple(taken) for name, taken in seconds.items()}, state)

    def _timed(self, name: str, number: int) -> float:
        call, now_s = self._calls[name], self._own_clocks.get(name, self._clock).now_s
        if self._between is not None:
            self._between()
        try:
            start = now_s()
            call(number)
            duration = now_s() - start
        except Exception as error:
            raise RoundFailed(_failure(name, f"round {len(self.finished) + 1}", error), name) from error
        if not 0 < duration < math.inf:
            raise MeasurementError(f"{name}: a call took {duration} s; the clock cannot be used to compare.")
        return duration


def ratio_interval(ratios: Sequence[float], confidence: float = CONFIDENCE) -> Ratio:
    """The median of the rounds' ratios, with bounds that hold for any distribution of them.

    The bounds are order statistics (see percentiles.py). Consecutive rounds may be correlated. What matters for a
    median is the side on which each round lies, so the ranks are spread by the autocorrelation of the sides. Raises
    ValueError without ratios.
    """
    if not ratios:
        raise ValueError("there is no round with both")
    ordered, n = sorted(ratios), len(ratios)
    middle = statistics.median(ordered)
    low, _ = bound_ranks(n, 0.5, confidence)
    apart = (n + 1) / 2 - low
    rank = math.floor((n + 1) / 2 - apart * math.sqrt(_inflation([ratio > middle for ratio in ratios])))
    low_ratio, high_ratio = (ordered[rank - 1], ordered[n - rank]) if rank >= 1 else (None, None)
    return Ratio(middle, low_ratio, high_ratio, confidence, n)


def _inflation(sides: Sequence[bool]) -> float:
    """How many samples of a first-order process are worth one independent sample; at least 1."""
    n = len(sides)
    mean = sum(sides) / n
    variance = mean * (1 - mean)
    if n < 8 or variance == 0:
        return 1.0
    together = sum((a - mean) * (b - mean) for a, b in pairwise(sides)) / n
    correlation = min(max(0.0, together / variance), 0.95)
    return (1 + correlation) / (1 - correlation)


def _failure(name: str, when: str, error: Exception) -> str:
    return f"{name} failed in {when}: {' '.join(str(error).split())[:200] or type(error).__name__}"
