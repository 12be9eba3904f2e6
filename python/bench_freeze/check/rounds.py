"""Decide latencies by rounds: time both models again until every row is decided or the time is up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..results.identity import RowKey
from .pairing import RowPair
from .side_by_side import SideBySide

MOST_ROUNDS = 2000
Key = tuple[RowKey, str]  # row and scope
Timed = tuple[float, float]  # seconds of a call in one round: baseline, current


@dataclass(frozen=True)
class Asked:
    """A row whose models are to be timed once more, and in which scopes."""

    pair: RowPair
    scopes: tuple[str, ...]


class RoundSource(Protocol):
    """Times both models of rows in turn: files on this machine, or through a command that measures them elsewhere."""

    label: str  # how the rounds were taken, in words
    only_doubtful: bool  # rounds are expensive, so only latencies that are doubtful as recorded are timed again

    def can_time(self, pair: RowPair) -> bool:
        """Whether both models of a row are available."""
        ...

    def round(self, asked: Sequence[Asked]) -> Mapping[Key, Timed | str]:
        """One round of every requested row and scope; a sentence for each that failed."""
        ...


@dataclass(frozen=True)
class Budget:
    """The time limit and the error rates for adding rounds.

    `alpha` is the false alarm rate of one test: that of the check divided by the number of its tests. `tail` is the
    rate of passing a row that is beyond its limit.
    """

    max_minutes: float
    alpha: float
    tail: float
    now_s: Callable[[], float] = time.monotonic


def add_rounds(
    changes: Mapping[Key, SideBySide],
    pairs: Mapping[RowKey, RowPair],
    source: RoundSource,
    budget: Budget,
    note: Callable[[str], None],
) -> dict[Key, str]:
    """Add rounds to the changes until each is decided or time is up. Returns failures with their reasons.

    A failed row keeps its rounds and gets no more.
    """
    failed: dict[Key, str] = {}
    began = budget.now_s()
    ends = began + 60 * budget.max_minutes
    longest = 0.0
    for number in range(1, MOST_ROUNDS + 1):
        open_keys = [k for k, c in changes.items() if k not in failed and not c.is_decided(budget.alpha, budget.tail)]
        if not open_keys:
            break
        started = budget.now_s()
        if number > 1 and started + longest > ends:  # the first round is taken even if time is short
            break
        if _is_told(number):
            note(f"timing both models in turn, round {number}: {_open(open_keys)}, {(started - began) / 60:.1f} min")
        rows = dict.fromkeys(key for key, _ in open_keys)
        asked = [Asked(pairs[row], tuple(scope for key, scope in open_keys if key == row)) for row in rows]
        for key, found in source.round(asked).items():
            if isinstance(found, str):
                failed[key] = found
            else:
                changes[key].add(*found)
        longest = max(longest, budget.now_s() - started) if number > 1 else 0.0
    return failed


def _is_told(number: int) -> bool:
    """Whether to report this round: the first, and then fewer and fewer."""
    return math.log2(number).is_integer()


def _open(keys: Sequence[Key]) -> str:
    return f"{len(keys)} {'latency' if len(keys) == 1 else 'latencies'} open"
