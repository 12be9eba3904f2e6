"""The candidates of the decision: values, constraints and costs of each arm, and the paired losses between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..results.decision import Ratio
from ..results.schema import Original, Results, Row
from ..results.study_statistics import ArmStatistics, Comparison, Interval, Statistics
from .arms import arms_of, identity_of
from .constraints import Constraints
from .cost import Cost, over, ranks_of, ratio_to_original


@dataclass(frozen=True)
class Candidate:
    """One arm, as used by the decision."""

    arm: ArmStatistics
    rows: tuple[Row, ...]
    ratio: Ratio | None  # to the original model's latency
    timed_together: bool  # with it, in common rounds
    breaks: tuple[str, ...]
    cost: int  # rank among all arms, 0 the cheapest

    @property
    def name(self) -> str:
        return self.arm.name

    @property
    def target(self) -> float:
        return self.arm.target.value

    @property
    def base_change(self) -> float:
        """NaN if unknown."""
        return math.nan if self.arm.base_change is None else self.arm.base_change.value

    @property
    def kept(self) -> float:
        """The base change for comparisons; -infinity if unknown."""
        return -math.inf if self.arm.base_change is None else self.arm.base_change.value

    @property
    def order(self) -> tuple[object, ...]:
        """The tie-breaker between arms of equal target mAP and cost; it depends on neither names nor order."""
        return (-self.kept, not self.arm.isolated, sorted((k, str(v)) for k, v in self.arm.identity.items()))


@dataclass(frozen=True)
class Candidates:
    """All arms of a study, and the basis of their costs."""

    every: tuple[Candidate, ...]
    has_base: bool  # some arm has a base mAP; else the base task plays no part in the decision
    timed: bool  # latency is the cost; else the size of the file
    statistics: Statistics

    @property
    def cost_by_size(self) -> str | None:
        """Why file size is the cost; None if latency is."""
        if self.timed:
            return None
        invalid = [
            candidate.name
            for candidate in self.every
            if any(row.latency.model is not None and row.latency.model.verdict == "INVALID" for row in candidate.rows)
        ]
        measured = all(
            candidate.rows and all(row.latency.model is not None for row in candidate.rows) for candidate in self.every
        )
        if measured and invalid:
            return f"The latency of {', '.join(invalid)} is INVALID: cost is the size of the file."
        return "Latency was not measured for every arm: cost is the size of the file."

    @cached_property
    def comparisons(self) -> dict[frozenset[str], Comparison]:
        """The comparisons of target mAP, by pair of trainings."""
        found: dict[frozenset[str], Comparison] = {}
        for entry in self.statistics.comparisons:
            if (entry.data, entry.number) == ("target", "map"):
                found.setdefault(frozenset((entry.a, entry.b)), entry)
        return found

    @property
    def allowed(self) -> list[Candidate]:
        return [candidate for candidate in self.every if not candidate.breaks]


def candidates_of(results: Results, statistics: Statistics, constraints: Constraints) -> Candidates:
    """The candidates of a study."""
    has_base = any(arm.base_change is not None for arm in statistics.arms)
    rows = {_sorted(identity_of(arm)): arm for arm in arms_of(results)}
    found: list[tuple[ArmStatistics, tuple[Row, ...], Ratio | None, bool, Original | None]] = []
    for arm in statistics.arms:
        own = rows.get(_sorted(arm.identity))
        ratio, together = (None, False) if own is None else ratio_to_original(list(own.rows.values()), own.original)
        own_rows = () if own is None else tuple(own.rows.values())
        found.append((arm, own_rows, ratio, together, None if own is None else own.original))
    timed = all(arm.latency_p50_s is not None for arm in statistics.arms)
    one_original = len({id(original) for *_, original in found}) == 1
    by_ratio = one_original and all(together for *_, together, _ in found)
    costs = [
        Cost(ratio.value, ratio.interval, arm.bytes)
        if by_ratio and ratio is not None
        else Cost(arm.latency_p50_s, arm.latency_interval_s, arm.bytes)
        for arm, _, ratio, *_ in found
    ]
    ranks = ranks_of(costs, timed)
    return Candidates(
        every=tuple(
            Candidate(arm, own_rows, ratio, together, tuple(constraints.broken_by(arm, has_base)), rank)
            for (arm, own_rows, ratio, together, _), rank in zip(found, ranks, strict=True)
        ),
        has_base=has_base,
        timed=timed,
        statistics=statistics,
    )


def latency_over(a: Candidate, b: Candidate) -> Ratio | None:
    """The ratio of a's latency to b's."""
    if a.timed_together and b.timed_together and a.ratio is not None and b.ratio is not None and _same_engine(a, b):
        return over(a.ratio.value, a.ratio.interval, b.ratio.value, b.ratio.interval)
    own, other = a.arm, b.arm
    if own.latency_p50_s is None or not other.latency_p50_s:
        return None
    return over(own.latency_p50_s, own.latency_interval_s, other.latency_p50_s, other.latency_interval_s)


def compared(a: ArmStatistics, b: ArmStatistics, among: Candidates) -> Comparison | None:
    """The comparison of two arms' target mAP, in either direction."""
    return among.comparisons.get(frozenset((a.training, b.training)))


def untested(a: ArmStatistics, b: ArmStatistics, among: Candidates) -> str | None:
    """Why the images do not allow a statement about the target difference of two arms; None if they do, or none is
    needed."""
    if a.training == b.training:
        return None
    entry = compared(a, b, among)
    if entry is not None:
        return entry.difference.no_interval
    return a.target.no_interval or b.target.no_interval


def loss_of(arm: ArmStatistics, best: ArmStatistics, among: Candidates) -> tuple[float, Interval | None]:
    """Target mAP of `best` minus that of `arm`, and its interval: paired if the two were compared.

    Arms of one training share a target head, so the loss between them is 0. Pairs that were not compared image by image
    get the wider interval of two independent numbers. None if the uncertainty is unknown, or if the interval does not
    cover trainings although the study has several.
    """
    value = best.target.value - arm.target.value
    if arm.training == best.training:
        return 0.0, Interval(low=0.0, high=0.0)
    if untested(arm, best, among) is not None:
        return value, None
    entry = compared(arm, best, among)
    if entry is not None:
        ends = entry.difference.interval
        if ends is None or _leaves_out_trainings(entry, among.statistics):
            return value, None
        return (entry.difference.value, ends) if entry.b == best.training else (-entry.difference.value, _turned(ends))
    own, other = arm.target.interval, best.target.interval
    if own is None or other is None:
        return value, None
    half = math.hypot((own.high - own.low) / 2, (other.high - other.low) / 2)
    return value, Interval(low=value - half, high=value + half)


def _sorted(identity: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """As a dict key, since results keep the parts in any order."""
    return tuple(sorted(identity.items()))


def _leaves_out_trainings(entry: Comparison, statistics: Statistics) -> bool:
    several = any(len(arm.seeds) > 1 for arm in statistics.arms)
    return several and "trainings" not in entry.difference.covers


def _turned(ends: Interval) -> Interval:
    return Interval(low=-ends.high, high=-ends.low)


def _same_engine(a: Candidate, b: Candidate) -> bool:
    names = ("weights", "engine", "precision", "imgsz", "batch", "device")
    return all(a.arm.identity.get(name) == b.arm.identity.get(name) for name in names)


def names_of(candidates: Sequence[Candidate]) -> str:
    """The names of candidates as a list in words."""
    return ", ".join(candidate.name for candidate in candidates)
