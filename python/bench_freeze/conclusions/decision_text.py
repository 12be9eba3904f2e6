"""The sentences of a decision: what was chosen, how certain that is, and how the two answers compare."""

from __future__ import annotations

from ..results.decision import Ratio
from ..results.study_statistics import Interval
from .candidates import Candidate, Candidates, latency_over, loss_of, names_of
from .constraints import Constraints

MOST_NAMED = 6


def reason_of(
    best: Candidate, pick: Candidate, among: Candidates, constraints: Constraints, support: float | None, covers: str
) -> str:
    """Why this arm is the pick, and how certain that is."""
    allowed = among.allowed
    wanted = constraints.in_words(among.has_base)
    lead = f"Of {len(among.every)} arms {len(allowed)} {wanted}. " if wanted else ""
    if len(allowed) == 1:
        return f"{lead}{pick.name} is the only one; its target mAP is {pick.target:.4f}. {_base(pick)}."
    how_sure = (
        "" if support is None else f" The choice is the same in {100 * support:.0f} % of resamples over {covers}."
    )
    delta = f"{constraints.indifference:g}"
    if pick is not best:
        loss, ends = loss_of(pick.arm, best.arm, among)
        return (
            f"{lead}{best.name} has the highest target mAP of them, {best.target:.4f}; {pick.name}, {pick.target:.4f}, "
            f"is the cheapest that is shown to lose at most {delta} against it ({_loss(loss, ends)}), at "
            f"{_cheaper_by(pick, best, among)}. {_base(pick)}.{how_sure}"
        )
    return (
        f"{lead}{pick.name} has the highest target mAP of them, {pick.target:.4f}, and "
        f"{_no_cheaper(best, among, constraints)}. {_base(pick)}.{how_sure}"
    )


def no_pick(among: Candidates, constraints: Constraints) -> str:
    """Why nothing is picked, with the nearest arm."""
    nearest = max(among.every, key=lambda c: (c.kept, c.target))
    latency = "" if nearest.arm.latency_p50_s is None else f", {nearest.arm.latency_p50_s * 1e3:.1f} ms"
    change = "not known" if nearest.arm.base_change is None else f"{nearest.base_change:+.4f}"
    return (
        f"None of the {len(among.every)} arms would {constraints.in_words(among.has_base)}. The one that loses "
        f"least on the base task is {nearest.name}: base mAP {change}, target mAP {nearest.target:.4f}{latency}."
    )


def trade_sentence(
    name: str, other: str, target: float, ends: Interval | None, ratio: Ratio | None, size: int, base: float | None
) -> str:
    """The gain and cost of an arm compared with another."""
    parts = [f"target mAP {target:+.4f}{_ends(ends)}"]
    if base is not None:
        parts.append("base mAP the same" if base == 0 else f"base mAP {base:+.4f}")
    if ratio is not None:
        parts.append(f"{ratio.value:.2f} times the latency{_ends(ratio.interval, digits=2, sign=False)}")
    parts.append("the same size" if size == 0 else f"{abs(size) / 1e6:.1f} MB {'more' if size > 0 else 'less'}")
    return f"{name} against {other}: {', '.join(parts)}."


def notes_of(pick: Candidate, among: Candidates, constraints: Constraints, untested: str | None) -> list[str]:
    """The unproven assumptions of the choice."""
    found = []
    if among.cost_by_size is not None:
        found.append(among.cost_by_size)
    if not among.has_base:
        found.append("No arm has a base mAP, so the choice ignores what the base task loses.")
    if untested is not None:
        found.append(f"The arms were compared by the measured values of their target mAP alone: {untested}.")
    change = pick.arm.base_change
    claim = f"By its measured value, {pick.name} loses at most {constraints.base_drop:g} of base mAP"
    if not pick.arm.isolated and change is not None:
        if change.no_interval is not None:
            found.append(f"{claim}; it has no interval: {change.no_interval}.")
        elif change.interval is not None and -change.interval.low > constraints.base_drop:
            found.append(f"{claim}; the interval reaches a loss of {-change.interval.low:.4f}.")
    limit, reach = constraints.max_latency_ms, pick.arm.latency_interval_s
    if limit is not None and reach is not None and reach.high * 1e3 > limit:
        found.append(
            f"By its median, {pick.name} takes at most {limit:g} ms; the interval reaches {reach.high * 1e3:.2f} ms."
        )
    least, ends = constraints.min_target_map, pick.arm.target.interval
    if least is not None and ends is not None and ends.low < least:
        found.append(
            f"By its measured value, {pick.name} reaches a target mAP of {least:g}; the interval begins at "
            f"{ends.low:.4f}."
        )
    alone = [c for c in among.allowed if len(c.arm.seeds) < 2]
    if alone and len(alone) < len(among.allowed):
        found.append(
            f"One seed only, in a study of several: {names_of(alone)}; the spread of the others is used for them."
        )
    return found


def _no_cheaper(best: Candidate, among: Candidates, constraints: Constraints) -> str:
    cheaper = {c.arm.training: c for c in reversed(among.allowed) if c.cost < best.cost}  # one head of each training
    if not cheaper:
        return "none of them is cheaper"
    losses = {c.name: loss_of(c.arm, best.arm, among) for c in reversed(cheaper.values())}
    words = [f"{name} {_loss(loss, ends)}" for name, (loss, ends) in losses.items()]
    named = "; ".join(words[:MOST_NAMED]) + (f"; {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else "")
    return f"no cheaper one is shown to lose at most {constraints.indifference:g} against it (losses: {named})"


def _loss(loss: float, ends: Interval | None) -> str:
    if ends is None:
        return f"{loss:.4f}, without an interval"
    return f"{loss:.4f} {_ends(ends, sign=False).strip()}"


def _cheaper_by(pick: Candidate, best: Candidate, among: Candidates) -> str:
    """What the cheaper arm saves."""
    ratio, size = latency_over(pick, best), best.arm.bytes - pick.arm.bytes
    smaller = f"{abs(size) / 1e6:.1f} MB {'less' if size > 0 else 'more'}"
    if not among.timed or ratio is None:
        return smaller
    return f"{ratio.value:.2f} times its latency, {smaller}"


def _base(pick: Candidate) -> str:
    if pick.arm.isolated:
        return "Its base head is the original's by construction"
    if pick.arm.base_change is None:
        return "Its base mAP is not known"
    return f"Its base mAP changes by {pick.base_change:+.4f}"


def _ends(ends: Interval | None, digits: int = 4, sign: bool = True) -> str:
    if ends is None:
        return ""
    plus = "+" if sign else ""
    return f" [{ends.low:{plus}.{digits}f}, {ends.high:{plus}.{digits}f}]"
