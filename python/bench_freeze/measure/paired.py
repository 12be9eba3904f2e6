"""Two callables compared in one process, interleaved A B B A: what slows the machine down meets both alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import MeasurementError
from .clock import Clock
from .percentiles import CONFIDENCE, Percentile, percentile
from .sampler import warm_up
from .stopping import StoppingRule


@dataclass(frozen=True)
class Paired:
    """Seconds of every call in the order taken, two of each side per round, and the ratio B over A of the rounds."""

    a_s: tuple[float, ...]
    b_s: tuple[float, ...]
    ratio: float
    low: float | None
    high: float | None
    confidence: float

    @property
    def rounds(self) -> int:
        """Rounds of A B B A."""
        return len(self.a_s) // 2


def compare_paired(
    a: Callable[[int], object],
    b: Callable[[int], object],
    clock: Clock,
    *,
    rounds: int,
    max_seconds: float,
) -> Paired:
    """Warm both up, then time rounds of A B B A, both sides of round k given k; ends early at `max_seconds`.

    A linear drift within a round cancels exactly in its ratio. Raises MeasurementError for a clock that goes backwards
    or stands still.
    """
    for call in (a, b):
        warm_up(call, clock, StoppingRule(1, max_seconds))
    seconds: dict[int, list[float]] = {0: [], 1: []}
    began = clock.now_s()
    for k in range(rounds):
        for side in (0, 1, 1, 0):
            start = clock.now_s()
            (b if side else a)(k)
            seconds[side].append(clock.now_s() - start)
        if clock.now_s() - began >= max_seconds:
            break
    ratio = ratio_interval(round_ratios(seconds[0], seconds[1]))
    return Paired(
        tuple(seconds[0]), tuple(seconds[1]), ratio.value_s or 0.0, ratio.low_s, ratio.high_s, ratio.confidence
    )


def round_ratios(a_s: Sequence[float], b_s: Sequence[float]) -> list[float]:
    """B over A of every round: the sums of its two calls, divided."""
    if len(a_s) != len(b_s) or len(a_s) % 2 or not a_s:
        raise ValueError(f"rounds have two calls of each side, not {len(a_s)} and {len(b_s)} in all")
    ratios = []
    for k in range(0, len(a_s), 2):
        below, above = a_s[k] + a_s[k + 1], b_s[k] + b_s[k + 1]
        if not (min(a_s[k : k + 2]) >= 0 and min(b_s[k : k + 2]) >= 0 and below > 0):
            raise MeasurementError("a call took no time or less; the clock cannot be used to compare.")
        ratios.append(above / below)
    return ratios


def ratio_interval(ratios: Sequence[float], confidence: float = CONFIDENCE) -> Percentile:
    """Median of the rounds' ratios with its distribution-free bounds, in the fields of a percentile (no seconds)."""
    return percentile(sorted(ratios), 50, confidence)
