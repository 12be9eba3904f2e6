"""The decision of a study: its answers under the user's constraints, from the numbers of the selection split."""

from __future__ import annotations

from ..results.decision import Answer, Kind, ParetoMember, Quoted, Recommendation, Trade
from ..results.schema import Results
from .candidates import Candidate, Candidates, candidates_of, latency_over, loss_of, untested
from .constraints import Constraints, constraints_of
from .decision_text import no_pick, notes_of, reason_of, trade_sentence
from .evidence import Facts, doubtful_of, grade_of
from .front import front_of
from .quoting import quoted_of
from .resampled import Answered, Choice, choose_resampled


def recommend(results: Results) -> Recommendation | None:
    """The most accurate arm within the constraints, and the cheapest arm shown to be within the indifference of it.

    The pick is the second if there is one, else the first. None without an arm.
    """
    statistics = results.statistics
    if statistics is None or not statistics.arms:
        return None
    constraints = constraints_of(results.study, statistics.margins)
    among = candidates_of(results, statistics, constraints)
    choice = choose_resampled(among, constraints)
    split = str(results.study.get("split", "val"))
    if choice.pick.at < 0:
        return _without_pick(among, choice, constraints, split)
    best, pick = among.every[choice.best.at], among.every[choice.pick.at]
    quoted = _quoted(among, choice, pick, choice.pick)
    answers = [_answer("most accurate", best, choice.best, among, choice, results, None if pick is best else pick)]
    if pick is not best:
        answers.append(_answer("cheapest within the indifference", pick, choice.pick, among, choice, results, best))
    support = _support(choice.pick)
    grade, reasons, steps = grade_of(_facts(among, choice, results, split), pick.name, choice.covers)
    unknown = next((why for c in among.allowed if (why := untested(c.arm, best.arm, among)) is not None), None)
    return Recommendation(
        pick=pick.name,
        identity=pick.arm.identity,
        reason=reason_of(best, pick, among, constraints, support, choice.covers),
        ties=[c.name for c in among.allowed if c is not pick and _ties(c, pick, among)],
        pareto=_members(among, choice, constraints),
        selected_on=split,
        final=pick.arm.target_test,
        constraints=constraints.stated(),
        notes=notes_of(pick, among, constraints, unknown),
        indifference=constraints.indifference,
        answers=answers,
        quoted=quoted,
        support=support,
        grade=grade,
        grade_reasons=reasons,
        next_steps=steps,
    )


def _fewest_epochs(results: Results) -> int | None:
    """The epochs of the trainings; for a given checkpoint, those recorded in its file. None if unknown."""
    given = [row.train.effective for row in results.rows if row.train.given is not None]
    said = given if given and len(given) == len(results.rows) else [results.study, *given]
    known = [epochs for each in said if isinstance(epochs := each.get("epochs"), int) and epochs > 0]
    return min(known) if known else None


def _facts(among: Candidates, choice: Choice, results: Results, split: str) -> Facts:
    return Facts(
        seeds=min(len(candidate.arm.seeds) for candidate in among.allowed),
        images=results.data["target"].images,
        split=split,
        epochs=_fewest_epochs(results),
        support=_support(choice.pick),
        silence=choice.silence,
        choices=len(among.allowed),
        has_test=among.every[choice.pick.at].arm.target_test is not None,
        doubtful=doubtful_of(among.allowed, among.timed),
        given={row.train.given is not None for candidate in among.allowed for row in candidate.rows} == {True},
    )


def _without_pick(among: Candidates, choice: Choice, constraints: Constraints, split: str) -> Recommendation:
    return Recommendation(
        pick=None,
        identity={},
        reason=no_pick(among, constraints),
        ties=[],
        pareto=_members(among, choice, constraints),
        selected_on=split,
        final=None,
        constraints=constraints.stated(),
        notes=[] if among.cost_by_size is None else [among.cost_by_size],
        indifference=constraints.indifference,
    )


def _answer(
    kind: Kind,
    candidate: Candidate,
    answered: Answered,
    among: Candidates,
    choice: Choice,
    results: Results,
    other: Candidate | None,
) -> Answer:
    arm = candidate.arm
    head_only = _head_only(candidate, among, results)
    return Answer(
        kind=kind,
        name=arm.name,
        identity=arm.identity,
        target=_quoted(among, choice, candidate, answered),
        base_change=arm.base_change,
        isolated=arm.isolated,
        latency_p50_s=arm.latency_p50_s,
        latency_interval_s=arm.latency_interval_s,
        latency_ratio=candidate.ratio,
        bytes=arm.bytes,
        support=_support(answered),
        over_head_only=None if head_only is None else _trade(candidate, head_only, among),
        against_other=None if other is None else _trade(candidate, other, among),
    )


def _trade(own: Candidate, other: Candidate, among: Candidates) -> Trade:
    target, ends = loss_of(other.arm, own.arm, among)
    known = own.arm.base_change is not None and other.arm.base_change is not None
    base = own.base_change - other.base_change if known else None
    ratio, size = latency_over(own, other), own.arm.bytes - other.arm.bytes
    return Trade(
        other=other.name,
        target=target,
        target_interval=ends,
        base=base,
        latency_ratio=ratio,
        bytes=size,
        sentence=trade_sentence(own.name, other.name, target, ends, ratio, size, base),
    )


def _head_only(candidate: Candidate, among: Candidates, results: Results) -> Candidate | None:
    """The same arm with only its head trained; None if it is that arm, or if the study lacks it."""
    head = _head_of(candidate, results)
    if head is None or candidate.arm.identity.get("freeze") == head:
        return None

    def rest(of: Candidate) -> dict[str, object]:
        return {name: v for name, v in of.arm.identity.items() if name not in ("freeze", "construction")}

    found = [c for c in among.every if c.arm.identity.get("freeze") == head and rest(c) == rest(candidate)]
    own = candidate.arm.identity.get("construction")
    found.sort(key=lambda c: (c.arm.identity.get("construction") != own, c.order))
    return found[0] if found else None


def _head_of(candidate: Candidate, results: Results) -> int | None:
    """The index of the head's layer: where a grafted model switches to the original, or the checkpoint's last."""
    weights = candidate.arm.identity.get("weights")
    grafted = (row for row in results.rows if row.construction == "grafted" and row.weights == weights)
    at = next((row.graft_at for row in grafted), None)
    if at is not None:
        return at
    found = results.pretraining(weights)
    layers = results.weights.get("layers") if found is None else found.layers
    index = layers[-1].get("index") if isinstance(layers, list) and layers and isinstance(layers[-1], dict) else None
    return index if isinstance(index, int) else None


def _members(among: Candidates, choice: Choice, constraints: Constraints) -> list[ParetoMember]:
    """All arms; those that meet the constraints and are not beaten are on the front."""
    front = front_of(among.every)
    best = among.every[choice.best.at] if choice.best.at >= 0 else None
    pick = among.every[choice.pick.at] if choice.pick.at >= 0 else None
    found = []
    for at, c in enumerate(among.every):
        loss, ends = (None, None) if best is None else loss_of(c.arm, best.arm, among)
        shown = c is best or (ends is not None and ends.high <= constraints.indifference)
        found.append(
            ParetoMember(
                name=c.name,
                target=c.arm.target,
                base_change=c.arm.base_change,
                latency_p50_s=c.arm.latency_p50_s,
                latency_interval_s=c.arm.latency_interval_s,
                tied_with_pick=None if pick is None or c is pick else _tied_with_pick(c, pick, among),
                identity=c.arm.identity,
                on_front=c in front,
                breaks=list(c.breaks),
                within_indifference=None if best is None or c.breaks else shown,
                loss=loss,
                loss_interval=ends,
                latency_ratio=c.ratio,
                bytes=c.arm.bytes,
                support=None if choice.pick.support is None else float(choice.pick.support[at]),
            )
        )
    return found


def _tied_with_pick(candidate: Candidate, pick: Candidate, among: Candidates) -> bool | None:
    if untested(candidate.arm, pick.arm, among) is not None:
        return None
    if candidate.arm.training == pick.arm.training and pick.arm.target.no_interval is not None:
        return None  # both have one head; the images did not show it
    return _ties(candidate, pick, among)


def _ties(a: Candidate, b: Candidate, among: Candidates) -> bool:
    """Whether the interval of the target difference contains 0; None without an interval."""
    if a.arm.training == b.arm.training:
        return b.arm.target.no_interval is None
    ends = loss_of(a.arm, b.arm, among)[1]
    return ends is not None and ends.low <= 0 <= ends.high


def _quoted(among: Candidates, choice: Choice, candidate: Candidate, answered: Answered) -> Quoted:
    trainings = {c.arm.training for c in among.allowed}
    return quoted_of(candidate.arm, answered, choice.silence, choice.covers, len(trainings))


def _support(answered: Answered) -> float | None:
    return None if answered.support is None else float(answered.support[answered.at])
