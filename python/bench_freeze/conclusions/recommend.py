"""A pick under the user's constraints, by the numbers of the selection split, with its reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..results.decision import ParetoMember, Recommendation
from ..results.study_statistics import ArmStatistics, Comparison, Interval, Statistics
from ..stats.pareto import pareto_front
from .cost import cost_difference, same_latency


@dataclass(frozen=True)
class Constraints:
    """What a pick has to keep to; None where the user said nothing."""

    max_latency_ms: float | None
    max_base_drop: float | None
    min_target_map: float | None
    widest_margin: float  # the base drop that is allowed when none was named

    @property
    def base_drop(self) -> float:
        """The base drop that counts."""
        return self.widest_margin if self.max_base_drop is None else self.max_base_drop

    def keep(self, arm: ArmStatistics) -> bool:
        """Whether an arm's values keep to them; a latency that was not measured keeps to no limit."""
        latency_ms = math.inf if arm.latency_p50_s is None else arm.latency_p50_s * 1e3
        if self.max_latency_ms is not None and latency_ms > self.max_latency_ms:
            return False
        if arm.base_change is None or -arm.base_change.value > self.base_drop:
            return False
        return self.min_target_map is None or arm.target.value >= self.min_target_map

    def in_words(self) -> str:
        """What follows "arms that"."""
        parts = [f"lose at most {self.base_drop:g} of base mAP"]
        if self.max_base_drop is None:
            parts[0] += " (the widest margin; --max-base-drop sets another)"
        if self.max_latency_ms is not None:
            parts.append(f"take at most {self.max_latency_ms:g} ms")
        if self.min_target_map is not None:
            parts.append(f"reach a target mAP of {self.min_target_map:g}")
        return ", and ".join(parts)


def constraints_of(study: Mapping[str, Any], margins: Sequence[float]) -> Constraints:
    """The constraints of a study, from its fields."""
    return Constraints(
        max_latency_ms=study.get("max_latency_ms"),
        max_base_drop=study.get("max_base_drop"),
        min_target_map=study.get("min_target_map"),
        widest_margin=max(margins, default=0.0),
    )


def recommend(statistics: Statistics, constraints: Constraints, split: str) -> Recommendation | None:
    """The best target mAP among the arms that keep to the constraints; of ties the cheapest. None without any arm.

    A tie is an interval of the target difference that has 0 in it. Where the images say nothing, no tie is claimed: the
    best value is picked, and a note says so. Cheaper is the lower median latency of the engine;
    the smaller file where latencies cannot be told apart, or were not measured for every arm.
    """
    arms = [arm for arm in statistics.arms if arm.base_change is not None]  # the others lose nobody knows what
    if not arms:
        return None
    timed = all(arm.latency_p50_s is not None for arm in arms)
    notes = [] if timed else ["Latency was not measured for every arm: cost is the size of the file."]
    allowed = [arm for arm in arms if constraints.keep(arm)]
    if not allowed:
        return _without_pick(arms, statistics, timed, constraints, split, notes)
    best = max(allowed, key=lambda arm: arm.target.value)
    tied = [arm for arm in allowed if arm is best or _ties(arm, best, statistics)]
    unknown = next((why for arm in allowed if (why := _untested(arm, best, statistics)) is not None), None)
    if unknown is not None:
        notes.append(f"The arms were compared by the values of their target mAP alone: {unknown}.")
    is_tested = unknown is None and best.target.no_interval is None
    cheapest = _cheapest(tied, timed)
    pick = min(cheapest, key=lambda arm: (arm.bytes, -arm.target.value))
    interval = None if pick.base_change is None else pick.base_change.interval
    if not pick.isolated and interval is not None and -interval.low > constraints.base_drop:
        notes.append(
            f"That {pick.name} loses at most {constraints.base_drop:g} of base mAP is what its value says; the "
            f"interval reaches a loss of {-interval.low:.4f}."
        )
    change = pick.base_change
    if not pick.isolated and change is not None and change.no_interval is not None:
        notes.append(
            f"That {pick.name} loses at most {constraints.base_drop:g} of base mAP is what its value says; it has no "
            f"interval: {change.no_interval}."
        )
    limit, reach = constraints.max_latency_ms, pick.latency_interval_s
    if limit is not None and reach is not None and reach.high * 1e3 > limit:
        notes.append(
            f"That {pick.name} takes at most {limit:g} ms is what its median says; the interval reaches "
            f"{reach.high * 1e3:.2f} ms."
        )
    return Recommendation(
        pick=pick.name,
        identity=pick.identity,
        reason=_reason(pick, best, allowed, tied, cheapest, arms, timed, constraints, is_tested),
        ties=[arm.name for arm in allowed if is_tested and arm is not pick and _ties(arm, pick, statistics)],
        pareto=_pareto(arms, statistics, timed, pick),
        selected_on=split,
        final=pick.target_test,
        constraints=_stated(constraints),
        notes=notes,
    )


def target_difference(a: str, b: str, statistics: Statistics) -> Interval | None:
    """The interval of training b's target mAP less training a's, where the two were compared."""
    entry = _compared(a, b, statistics)
    if entry is None or entry.difference.interval is None:
        return None
    interval = entry.difference.interval
    return interval if (entry.a, entry.b) == (a, b) else Interval(low=-interval.high, high=-interval.low)


def _compared(a: str, b: str, statistics: Statistics) -> Comparison | None:
    own = (c for c in statistics.comparisons if (c.data, c.number) == ("target", "map"))
    return next((c for c in own if (c.a, c.b) in ((a, b), (b, a))), None)


def _untested(a: ArmStatistics, b: ArmStatistics, statistics: Statistics) -> str | None:
    """Why the images say nothing of the target difference of two arms; None where they do, or need not."""
    if a.training == b.training:
        return None
    entry = _compared(a.training, b.training, statistics)
    if entry is not None:
        return entry.difference.no_interval
    return a.target.no_interval or b.target.no_interval


def _ties(a: ArmStatistics, b: ArmStatistics, statistics: Statistics) -> bool:
    """Whether the target mAP of two arms cannot be told apart.

    Without any interval nothing can; where there is none because the images say nothing, no tie is claimed either.
    """
    if a.training == b.training:
        return True
    if _untested(a, b, statistics) is not None:
        return False
    paired = target_difference(a.training, b.training, statistics)
    if paired is not None:
        return paired.low <= 0 <= paired.high
    own, other = a.target.interval, b.target.interval
    if own is None or other is None:
        return True
    # Not compared image by image, so as if they were unrelated: wider than a paired interval.
    half = math.hypot((own.high - own.low) / 2, (other.high - other.low) / 2)
    return abs(a.target.value - b.target.value) <= half


def _cheapest(tied: Sequence[ArmStatistics], timed: bool) -> list[ArmStatistics]:
    """The fastest of them with those whose latency cannot be told from its; all where latency is not the cost."""
    if not timed:
        return list(tied)
    fastest = min(tied, key=lambda arm: (arm.latency_p50_s or 0.0, arm.bytes))
    return [arm for arm in tied if arm is fastest or same_latency(arm, fastest)]


def _kept(arm: ArmStatistics, several: bool) -> float:
    """How well the base task is kept: heads of several checkpoints are scored on classes of their own."""
    found = arm.base_change if several else arm.base
    return -math.inf if found is None else found.value


def _pareto(
    arms: Sequence[ArmStatistics], statistics: Statistics, timed: bool, pick: ArmStatistics | None
) -> list[ParetoMember]:
    several = len({arm.identity.get("weights") for arm in arms}) > 1
    front = pareto_front(
        arms,
        [
            lambda a, b: a.target.value - b.target.value,
            lambda a, b: _kept(a, several) - _kept(b, several),
            lambda a, b: cost_difference(b, a) if timed else float(b.bytes - a.bytes),
        ],
    )
    return [
        ParetoMember(
            name=arm.name,
            target=arm.target,
            base_change=arm.base_change,
            latency_p50_s=arm.latency_p50_s,
            latency_interval_s=arm.latency_interval_s,
            tied_with_pick=_tied_with_pick(arm, pick, statistics),
        )
        for arm in front
        if arm.base_change is not None
    ]


def _tied_with_pick(arm: ArmStatistics, pick: ArmStatistics | None, statistics: Statistics) -> bool | None:
    if pick is None or arm is pick or _untested(arm, pick, statistics) is not None:
        return None
    if arm.training == pick.training and pick.target.no_interval is not None:
        return None  # both have one head; the images did not show it
    return _ties(arm, pick, statistics)


def _reason(
    pick: ArmStatistics,
    best: ArmStatistics,
    allowed: Sequence[ArmStatistics],
    tied: Sequence[ArmStatistics],
    cheapest: Sequence[ArmStatistics],
    arms: Sequence[ArmStatistics],
    timed: bool,
    constraints: Constraints,
    is_tested: bool,
) -> str:
    field = f"Of {len(arms)} arms {len(allowed)} {constraints.in_words()}."
    base = (
        "Its base head is the original's by construction"
        if pick.isolated
        else f"Its base mAP changes by {_kept(pick, several=True):+.4f}"
    )
    if len(tied) == 1:
        without = " without a tie" if is_tested else ""
        return f"{field} {base}, and its target mAP, {pick.target.value:.4f}, is the highest of them{without}."
    if not timed:
        cost = " it has the smallest file"
    elif len(cheapest) == 1:
        cost = " it has the lowest median latency"
    else:
        cost = f", the latencies of {len(cheapest)} cannot be told apart, and of those it has the smallest file"
    if not is_tested:
        return (
            f"{field} {base}; its target mAP, {pick.target.value:.4f}, is the highest of them; of the {len(tied)} that "
            f"have this target head{cost}."
        )
    lead = (
        f"its target mAP, {pick.target.value:.4f}, is the highest of them"
        if pick is best
        else f"its target mAP, {pick.target.value:.4f}, ties with the highest, {best.target.value:.4f} of {best.name}"
    )
    return f"{field} {base}; {lead}; of the {len(tied)} that tie for the highest{cost}."


def _without_pick(
    arms: Sequence[ArmStatistics],
    statistics: Statistics,
    timed: bool,
    constraints: Constraints,
    split: str,
    notes: list[str],
) -> Recommendation:
    nearest = max(arms, key=lambda arm: (_kept(arm, several=True), arm.target.value))
    latency = "" if nearest.latency_p50_s is None else f", {nearest.latency_p50_s * 1e3:.1f} ms"
    return Recommendation(
        pick=None,
        identity={},
        reason=f"None of the {len(arms)} arms would {constraints.in_words()}. The one that loses least of "
        f"the base task is {nearest.name}: base mAP {_kept(nearest, several=True):+.4f}, target mAP "
        f"{nearest.target.value:.4f}{latency}.",
        ties=[],
        pareto=_pareto(arms, statistics, timed, None),
        selected_on=split,
        final=None,
        constraints=_stated(constraints),
        notes=notes,
    )


def _stated(constraints: Constraints) -> dict[str, float | None]:
    return {
        "max_latency_ms": constraints.max_latency_ms,
        "max_base_drop": constraints.base_drop,
        "min_target_map": constraints.min_target_map,
    }
