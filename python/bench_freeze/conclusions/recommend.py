"""A pick under the user's constraints, by the numbers of the selection split, with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ..report.statistics_schema import Figure, ParetoMember, Recommendation
from ..statistics.pareto import pareto_front
from .arms import ArmRows
from .figures import Sampler, figure


@dataclass(frozen=True)
class Constraints:
    """What a pick has to keep to; None where the user said nothing."""

    max_latency_s: float | None
    max_base_drop: float | None
    min_target_map: float | None
    practical_margin: float  # the base drop that is allowed when none was named

    @property
    def base_drop(self) -> float:
        """The base drop that counts."""
        return self.practical_margin if self.max_base_drop is None else self.max_base_drop


@dataclass(frozen=True)
class Option:
    """One arm as it is chosen from."""

    arm: ArmRows
    target: Figure
    base_change: Figure
    latency_s: float | None
    size: float


def recommend(arms: Sequence[ArmRows], sampler: Sampler, constraints: Constraints, split: str) -> Recommendation | None:
    """The best target mAP among arms that keep to the constraints; ties go to the cheaper. None without any arm."""
    options = [option for arm in arms if (option := _option(arm, sampler)) is not None]
    if not options:
        return None
    timed = all(option.latency_s is not None for option in options)
    allowed = [option for option in options if _keeps(option, constraints)]
    notes = [] if timed else ["Latency was not measured for every arm, so cost stands for the size of the file."]
    if not allowed:
        return _without_pick(options, timed, constraints, split, notes)
    best = max(allowed, key=lambda option: option.target.value)
    tied = [option for option in allowed if option is best or _ties(option, best, sampler)]
    pick = min(tied, key=lambda option: (option.latency_s if timed else option.size, -option.target.value))
    ties = [option for option in allowed if option is not pick and _ties(option, pick, sampler)]
    tests = [row.target_test for row in pick.arm.rows.values()]
    scored = [sampler.map(accuracy) for accuracy in tests if accuracy is not None]
    final = [sample for sample in scored if sample is not None]
    interval = pick.base_change.interval
    if not pick.arm.keeps_base_by_construction and interval is not None and -interval.low > constraints.base_drop:
        notes.append(
            f"That the base drop of {pick.arm.name} is within {constraints.base_drop:g} is its value, not shown: the "
            f"interval reaches {-interval.low:.4f}."
        )
    return Recommendation(
        pick=pick.arm.name,
        identity=pick.arm.identity,
        reason=_reason(pick, best, allowed, options, tied, timed, constraints),
        ties=[option.arm.name for option in ties],
        pareto=_pareto(options, timed, pick, sampler),
        selected_on=split,
        final=figure(final) if len(final) == len(tests) else None,
        constraints=_stated(constraints),
        notes=notes,
    )


def _option(arm: ArmRows, sampler: Sampler) -> Option | None:
    rows = list(arm.rows.values())
    targets = [sampler.map(row.target) for row in rows]
    before = sampler.map(arm.original.base)
    bases = [sampler.map(row.base) for row in rows]
    found = [sample for sample in targets if sample is not None]
    changes = [sample - before for sample in bases if sample is not None and before is not None]
    if len(found) < len(rows) or len(changes) < len(rows):
        return None
    times = [
        row.latency.model.p50_s
        for row in rows
        if row.latency.model is not None
        and row.latency.model.p50_s is not None
        and row.latency.model.verdict != "INVALID"
    ]
    sizes = [row.artifact.bytes for row in rows]
    return Option(arm, figure(found), figure(changes), median(times) if times else None, median(sizes))


def _keeps(option: Option, constraints: Constraints) -> bool:
    limit = constraints.max_latency_s
    if limit is not None and (option.latency_s is None or option.latency_s > limit):
        return False
    if -option.base_change.value > constraints.base_drop:
        return False
    return constraints.min_target_map is None or option.target.value >= constraints.min_target_map


def _ties(a: Option, b: Option, sampler: Sampler) -> bool:
    """Whether the interval of the target difference has 0 in it; without any interval nothing can be told apart."""
    seeds = [seed for seed in a.arm.seeds if seed in b.arm.rows]
    pairs = [(sampler.map(b.arm.rows[s].target), sampler.map(a.arm.rows[s].target)) for s in seeds]
    samples = [y - x for x, y in pairs if x is not None and y is not None]
    if not samples:
        return True
    found = figure(samples).interval
    return found is None or found.low <= 0 <= found.high


def _pareto(options: Sequence[Option], timed: bool, pick: Option | None, sampler: Sampler) -> list[ParetoMember]:
    costs = [(o.latency_s if timed and o.latency_s is not None else o.size) for o in options]
    front = pareto_front([(o.target.value, o.base_change.value, -c) for o, c in zip(options, costs, strict=True)])
    return [
        ParetoMember(
            name=options[at].arm.name,
            target=options[at].target,
            base_change=options[at].base_change,
            latency_p50_s=options[at].latency_s,
            tied_with_pick=None if pick is None or options[at] is pick else _ties(options[at], pick, sampler),
        )
        for at in front
    ]


def _reason(
    pick: Option,
    best: Option,
    allowed: Sequence[Option],
    options: Sequence[Option],
    tied: Sequence[Option],
    timed: bool,
    constraints: Constraints,
) -> str:
    base = (
        "keeps the base head's output by construction"
        if pick.arm.keeps_base_by_construction
        else f"changes base mAP by {pick.base_change.value:+.4f}"
    )
    field = f"{len(allowed)} of {len(options)} arms are {_wording(constraints)}; this one {base}"
    if len(tied) == 1:
        return f"{field} and has the highest target mAP, {pick.target.value:.4f}; no other ties with it."
    cost = "the lowest median latency" if timed else "the smallest file"
    if pick is best:
        lead = f"has the highest target mAP, {pick.target.value:.4f}, and {cost}"
    else:
        lead = (
            f"with target mAP {pick.target.value:.4f} ties with the highest, {best.target.value:.4f} of "
            f"{best.arm.name}, and has {cost}"
        )
    return (
        f"{field}, {lead} among the {len(tied)} that tie for the highest (the interval of the difference has 0 in it)."
    )


def _without_pick(
    options: Sequence[Option], timed: bool, constraints: Constraints, split: str, notes: list[str]
) -> Recommendation:
    nearest = max(options, key=lambda option: (option.base_change.value, option.target.value))
    latency = "" if nearest.latency_s is None else f", {nearest.latency_s * 1e3:.1f} ms"
    return Recommendation(
        pick=None,
        identity={},
        reason=f"No arm is {_wording(constraints)}. The smallest change of base mAP is that of {nearest.arm.name}: "
        f"{nearest.base_change.value:+.4f}, target mAP {nearest.target.value:.4f}{latency}.",
        ties=[],
        pareto=[],
        selected_on=split,
        final=None,
        constraints=_stated(constraints),
        notes=notes,
    )


def _wording(constraints: Constraints) -> str:
    parts = [f"within a base mAP drop of {constraints.base_drop:g}"]
    if constraints.max_base_drop is None:
        parts[0] += " (the widest margin of this study; --max-base-drop sets another)"
    if constraints.max_latency_s is not None:
        parts.append(f"within {constraints.max_latency_s * 1e3:g} ms")
    if constraints.min_target_map is not None:
        parts.append(f"at a target mAP of {constraints.min_target_map:g} or more")
    return " and ".join(parts)


def _stated(constraints: Constraints) -> dict[str, float | None]:
    limit = constraints.max_latency_s
    return {
        "max_latency_ms": None if limit is None else limit * 1e3,
        "max_base_drop": constraints.base_drop,
        "min_target_map": constraints.min_target_map,
    }
