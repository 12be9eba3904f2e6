"""The change of a latency that was timed side by side: both models in the same rounds, judged by the rounds' signs.

A round is one fresh process that opens both models in turn and times them in mirrored pairs (measure/rounds.py), so
what slows the machine affects both alike, and the luck a process has with its memory is drawn again. A round says
whether the current model was beyond the limit. How far rounds scatter is not assumed: the sign test
(stats/sequential.py) needs only that a model within its limit is beyond it in at most every second round, given all
rounds before. It may be looked at after every round, so rounds are added until it says one or the other.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from ..stats.sequential import SignTest, median_bounds
from .finding import Status
from .limit import Limit


@dataclass
class SideBySide:
    """Rounds of one latency of one row; grows round by round. Has what judge.py asks of a change."""

    limit: Limit
    rounds: list[tuple[float, float]] = field(default_factory=list)  # seconds of a call: baseline, current
    beyond: SignTest = field(default_factory=SignTest)
    within: SignTest = field(default_factory=SignTest)

    label: str = "side by side"  # how the rounds were taken
    failure: str | None = None  # why there are no more rounds

    is_ratio = True
    silence = None
    unproven = None
    is_tested = True

    @property
    def basis(self) -> str:
        """What it was judged on, in words."""
        return f"{len(self.rounds)} {'round' if len(self.rounds) == 1 else 'rounds'} {self.label}"

    def add(self, baseline_s: float, current_s: float) -> None:
        """Take one more round."""
        allowed = baseline_s + self.limit.absolute(baseline_s)
        self.rounds.append((baseline_s, current_s))
        self.beyond.add(current_s > allowed)
        self.within.add(current_s < allowed)

    def is_decided(self, alpha: float, tail: float) -> bool:
        """Whether more rounds cannot be needed: proven to be beyond, or to be within."""
        return self.beyond.p_value <= alpha or self.within.p_value <= tail

    @property
    def is_defined(self) -> bool:
        """Whether there is any round."""
        return bool(self.rounds)

    @property
    def reference(self) -> float:
        """Seconds of the baseline's model, in these rounds."""
        return statistics.median(baseline for baseline, _ in self.rounds)

    @property
    def current(self) -> float:
        """The current model, at the ratio of the rounds."""
        return self.reference * (1 + self.estimate)

    @property
    def estimate(self) -> float:
        """The median of the rounds' ratios, as a share of the reference."""
        return statistics.median(self._ratios) - 1

    @property
    def _ratios(self) -> list[float]:
        return [current / baseline for baseline, current in self.rounds]

    def p_value(self) -> float:
        """Of "it is within its limit", whenever one looks."""
        return self.beyond.p_value

    def bounds(self, tail: float) -> tuple[float, float]:
        """Of the median ratio as a share, at all times; infinite where the rounds are too few for one."""
        low, high = median_bounds(self._ratios, tail)
        return low - 1, high - 1

    def status(self, allowed: float, p_value: float | None, alpha: float, tail: float) -> Status:
        """Beyond or within where that is proven; anything else is open."""
        if p_value is not None and p_value <= alpha:
            return "REGRESSION"
        return "PASS" if self.within.p_value <= tail else "AMBIGUOUS"
