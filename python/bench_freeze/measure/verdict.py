"""The verdict on a measurement: whether its number is reliable, with the reasons in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from .sampler import CLOCK_BACKWARDS, NOT_A_NUMBER
from .stability import stability
from .stats import LatencyStats

Verdict = Literal["VALID", "AMBIGUOUS", "INVALID"]

MEDIAN_WIDTH = 0.05  # half the width of the median's confidence interval, over the median
DRIFT_Z = 2.576  # two-sided 1 %
DRIFT_AMBIGUOUS = 0.03
DRIFT_INVALID = 0.20
STEPS_AMBIGUOUS = 0.25
# Thresholds for a shifting level and for too few independent samples: bench/interval_coverage.py measures the coverage
# of the bounds with them. A higher INDEPENDENT would lower it: among strongly dependent runs, only those that happen to
# show little dependence would be VALID. Neither matters where no two stretches of the run differ by MOVES.
SHIFT = 15.0
INDEPENDENT = 8
MOVES = 0.01
REJECTED_AMBIGUOUS = 0.05
REJECTED_INVALID = 0.25


@dataclass(frozen=True)
class Conditions:
    """What is known about the machine during a run: sentences that make its numbers invalid or ambiguous."""

    invalid: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """VALID: nothing speaks against the number. AMBIGUOUS: repeat the run before relying on it. INVALID: do not use."""

    verdict: Verdict
    reasons: tuple[str, ...]


UNREMARKABLE = Conditions()


def judge(stats: LatencyStats, conditions: Conditions = UNREMARKABLE, period: int = 1) -> Judgement:
    """Judge one scope; `period` is the number of distinct inputs that the samples cycle through."""
    invalid, ambiguous = list(conditions.invalid), list(conditions.ambiguous)
    _judge_rejected(stats, invalid, ambiguous)
    if stats.samples_s:
        _judge_precision(stats, ambiguous)
        _judge_stability(stats, period, invalid, ambiguous)
    if not stats.warmup_settled:
        ambiguous.append("the durations were still changing when the warm-up reached its limit")
    if stats.stopped_by == "failure":
        invalid.append("the measured call failed during the run")
    verdict: Verdict = "INVALID" if invalid else "AMBIGUOUS" if ambiguous else "VALID"
    return Judgement(verdict, (*invalid, *ambiguous))


def _judge_rejected(stats: LatencyStats, invalid: list[str], ambiguous: list[str]) -> None:
    if not stats.samples_s:
        invalid.append("no sample was kept")
    rejected = sum(stats.rejected.values())
    if not rejected:
        return
    share = rejected / (rejected + stats.n)
    reasons = ", ".join(f"{count}: {reason}" for reason, count in stats.rejected.items())
    sentence = f"{rejected} of {rejected + stats.n} samples were rejected ({reasons})"
    if share > REJECTED_INVALID or CLOCK_BACKWARDS in stats.rejected or NOT_A_NUMBER in stats.rejected:
        invalid.append(sentence)  # one impossible duration is enough: the clock cannot be trusted for the others
    elif share > REJECTED_AMBIGUOUS:
        ambiguous.append(sentence)


def _judge_precision(stats: LatencyStats, ambiguous: list[str]) -> None:
    median = stats.percentile(50)
    if median.low_s is None or median.high_s is None:
        ambiguous.append(f"{stats.n} samples are too few to bound the median")
    elif median.value_s and (width := (median.high_s - median.low_s) / 2 / median.value_s) > MEDIAN_WIDTH:
        ambiguous.append(f"the median is known only to within {width:.1%}")


def _judge_stability(stats: LatencyStats, period: int, invalid: list[str], ambiguous: list[str]) -> None:
    found = stability(stats.samples_s, period)
    if found is None:
        return
    if abs(found.drift_z) >= DRIFT_Z and abs(found.drift) >= DRIFT_AMBIGUOUS:
        into = invalid if abs(found.drift) >= DRIFT_INVALID else ambiguous
        into.append(f"the durations drifted by {found.drift:+.1%} from the first to the last sample")
    elif found.steps >= STEPS_AMBIGUOUS and math.isfinite(found.steps):
        ambiguous.append(f"the speed changed in steps: stretches of the run differ by {found.steps:.0%}")
    elif found.steps >= MOVES and found.shift > SHIFT:
        ambiguous.append(
            f"the speed changed during the run: stretches differ by {found.steps:.1%}, more than noise explains"
        )
    if found.steps >= MOVES and found.independent < INDEPENDENT:
        ambiguous.append(
            f"samples are autocorrelated: {stats.n} determine the median no better than {found.independent:.0f} "
            "independent ones"
        )
