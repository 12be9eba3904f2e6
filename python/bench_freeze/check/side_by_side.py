"""The change of a latency timed side by side: both models in the same rounds, judged by a sign test over rounds.

A round is a fresh process that opens both models in turn and times them in mirrored pairs (measure/rounds.py). So a
slow machine affects both alike, and each round has a new memory layout. A round shows whether the current model was
beyond the limit. The sign test (stats/sequential.py) makes no assumption on the spread of rounds: a model within its
limit must only be beyond it in at most half of the rounds, given all earlier ones. It is valid after every round, so
rounds are added until it decides.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from ..stats.sequential import SignTest, median_bounds
from .finding import Status
from .limit import Limit


@dataclass
class SideBySide:
    """The rounds of one latency of one row, which grow. Has the interface of a change for judge.py."""

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
        """The basis of the judgement, in words."""
        return f"{len(self.rounds)} {'round' if len(self.rounds) == 1 else 'rounds'} {self.label}"

    def add(self, baseline_s: float, current_s: float) -> None:
        """Add a round."""
        allowed = baseline_s + self.limit.absolute(baseline_s)
        self.rounds.append((baseline_s, current_s))
        self.beyond.add(current_s > allowed)
        self.within.add(current_s < allowed)

    def is_decided(self, alpha: float, tail: float) -> bool:
        """Whether it is decided: proven to be beyond or within the limit."""
        return self.beyond.p_value <= alpha or self.within.p_value <= tail

    @property
    def is_defined(self) -> bool:
        """Whether there are any rounds."""
        return bool(self.rounds)

    @property
    def reference(self) -> float:
        """Latency of the baseline's model in these rounds, in seconds."""
        return statistics.median(baseline for baseline, _ in self.rounds)

    @property
    def current(self) -> float:
        """Latency of the current model in seconds: the baseline's times the ratio of the rounds."""
        return self.reference * (1 + self.estimate)

    @property
    def estimate(self) -> float:
        """The median of the rounds' ratios, as a share of the reference."""
        return statistics.median(self._ratios) - 1

    @property
    def _ratios(self) -> list[float]:
        return [current / baseline for baseline, current in self.rounds]

    def p_value(self) -> float:
        """The p-value of "it is within its limit", valid at every look."""
        return self.beyond.p_value

    def bounds(self, tail: float) -> tuple[float, float]:
        """The interval of the median ratio, valid at every look; infinite with too few rounds."""
        low, high = median_bounds(self._ratios, tail)
        return low - 1, high - 1

    def status(self, allowed: float, p_value: float | None, alpha: float, tail: float) -> Status:
        """Beyond or within if proven, else open."""
        if p_value is not None and p_value <= alpha:
            return "REGRESSION"
        return "PASS" if self.within.p_value <= tail else "AMBIGUOUS"
