"""The decision of a study in words, which every form of the report shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..results.decision import Answer, Quoted, Ratio, Recommendation, Trade
from ..results.schema import Results, Row
from ..results.study_statistics import Claim, Interval
from .formats import UNITS, brief, short
from .marks import has
from .view import AnswerView, Decision, RowView, Value

TITLES = {"most accurate": "most accurate", "cheapest within the indifference": "cheapest that is shown to be as good"}
PICK = "Recommended"


def decision_of(results: Results, rows: Sequence[RowView]) -> Decision | None:
    """The decision of a study; `rows` are its own, with names. None where it has no recommendation."""
    found = results.recommendation
    if found is None:
        return None
    first = sorted(found.answers, key=lambda answer: answer.name != found.pick)  # the pick, then the other answer
    answers = [_answer(answer, found, rows, results.best) for answer in first]
    if not answers and found.pick is not None:
        answers = [_older_answer(found, rows)]
    return Decision(
        answers=tuple(answers),
        reason=found.reason,
        grade=found.grade,
        grade_reasons=tuple(found.grade_reasons),
        next_steps=tuple(found.next_steps),
        notes=tuple(_notes(found)),
    )


def decision_lines(decision: Decision) -> list[str]:
    """A decision as sentences: the answers, the grade of the evidence, and what would strengthen it."""
    lines = []
    for answer in decision.answers:
        lines.append(f"{answer.title}: {answer.sentence}.")
        lines += [answer.against] if answer.against else []
    if not decision.answers:
        lines.append(f"No recommendation. {decision.reason}")
    elif decision.grade is None:  # from an older version, which has nothing else
        lines += [decision.reason, *decision.notes]
    if decision.grade is not None:
        lines.append(" ".join([f"Evidence: {decision.grade}.", *decision.grade_reasons]))
    if decision.next_steps:
        lines.append(f"To strengthen it: {' '.join(decision.next_steps)}")
    return lines


def _notes(found: Recommendation) -> Iterator[str]:
    if found.ties:
        yield f"Not distinguished from the pick in target mAP: {', '.join(found.ties)}."
    if found.pick is not None and not found.answers:
        if found.final is None:
            yield f"Chosen on {found.selected_on}, and no other split checks the choice."
        else:
            yield f"Chosen on {found.selected_on}; target mAP on test: {brief(claim(found.final), 'fraction')}."
        yield "This file comes from an older version, which did not grade its evidence."
    yield from found.notes


def _answer(answer: Answer, found: Recommendation, rows: Sequence[RowView], best: str | None) -> AnswerView:
    own = [row for row in rows if row.kind != "original" and has(row, answer.identity)]
    title = PICK if answer.name == found.pick else ""
    if len(found.answers) > 1:
        title = f"{title}, {TITLES[answer.kind]}" if title else TITLES[answer.kind].capitalize()
    file, of_seeds = _file(own)
    base = "not scored" if answer.base_change is None else _base(answer.base_change, answer.isolated)
    gain = answer.over_head_only
    words = [
        f"target {short(answer.target.value, 'fraction')}"
        if gain is None
        else f"target {short(gain.target, 'change')} over head only",
        f"base {base}",
        *([] if answer.latency_ratio is None else [f"{short(answer.latency_ratio.value, 'ratio')}x the latency"]),
        f"{short(answer.bytes, 'megabytes')} MB",
    ]
    facts = [("expected target mAP", _quoted(answer.target))]
    if gain is not None:
        facts.append(("over head only", brief(_value(gain.target, gain.target_interval), "change")))
    if answer.base_change is not None:
        why = " (its base head reads frozen layers only)" if answer.isolated else ""
        facts.append(("base mAP change", brief(claim(answer.base_change), "change") + why))
    facts += _costs(answer.latency_ratio, answer.latency_p50_s, answer.bytes)
    is_pick = answer.name == found.pick
    support = found.support if is_pick else answer.support  # for the pick, the support that its grade uses
    if support is not None:
        facts.append(("picked in" if is_pick else "this answer in", f"{100 * support:.0f} % of the resamples"))
    if file is not None:
        facts.append(("file", f"{file}{of_seeds}"))
    if best is not None and is_pick:
        facts.append(("ready to use", f"{best}/"))
    against = "" if answer.against_other is None else _against(answer.against_other)
    headline = f"{_name(own, answer.name)}: {', '.join(words)}"
    return AnswerView(title, answer.name, headline, file or "", tuple(facts), against)


def _older_answer(found: Recommendation, rows: Sequence[RowView]) -> AnswerView:
    """The pick of an older file without answers, described by the numbers of its row."""
    own = [row for row in rows if row.kind != "original" and has(row, found.identity)]
    name = found.pick or ""
    if not own:
        return AnswerView(PICK, name, name, "", (), "")
    row = next((row for row in own if row.kind == "mean"), own[0])
    change, ratio = row.value("change"), row.value("ratio")
    words = [f"target {short(row.value('target_map').value, 'fraction')}"]
    words += [] if change.value is None else [f"base {_unchanged(change.value)}"]
    words += [] if ratio.value is None else [f"{short(ratio.value, 'ratio')}x the latency"]
    words += [f"{short(row.value('size').value, 'megabytes')} MB"]
    facts = [("target mAP", brief(row.value("target_map"), "fraction"))]
    if change.value is not None:
        facts.append(("base mAP change", brief(change, "change")))
    kept = None if ratio.value is None else Ratio(value=ratio.value)
    facts += _costs(kept, row.value("model_p50").value, int(row.value("size").value or 0), ratio.note)
    return AnswerView(PICK, name, f"{_name(own, name)}: {', '.join(words)}", "", tuple(facts), "")


def _costs(ratio: Ratio | None, latency_s: float | None, size: int, note: str = "") -> list[tuple[str, str]]:
    facts = []
    if latency_s is not None:
        text = f"{short(latency_s, 'milliseconds')} {UNITS['milliseconds']}"
        if ratio is not None:
            text += f", {brief(_value(ratio.value, ratio.interval), 'ratio')} times the original's"
        facts.append(("latency", f"{text} ({note})" if note else text))
    return [*facts, ("size", f"{short(size, 'megabytes')} {UNITS['megabytes']}")]


def _name(own: Sequence[RowView], name: str) -> str:
    """ "Freeze 15, branched" and what else distinguishes the arm from others."""
    if not own:
        return name
    row = next((row for row in own if row.kind == "mean"), own[0])
    named = ("freeze", "construction", "number")
    rest = [word for part, word in row.words.items() if part not in (*named, "seed", "source")]
    return ", ".join([f"Freeze {row.identity['freeze']}", row.identity["construction"], *rest])


def _file(own: Sequence[RowView]) -> tuple[str | None, str]:
    """The deployed file of an arm's first seed, and a remark that names the seed if there are several."""
    records = [row.record for row in own if row.kind == "model" and isinstance(row.record, Row)]
    named = [(record.artifact.file or record.artifact.weights_file, record.seed) for record in records]
    files = [(file, seed) for file, seed in named if file is not None]
    if not files:
        return None, ""
    return files[0][0], "" if len(files) == 1 else f" (seed {files[0][1]}, one of {len(files)})"


def _base(change: Claim, isolated: bool) -> str:
    return "unchanged" if isolated else _unchanged(change.value)


def _unchanged(change: float) -> str:
    return "unchanged" if change == 0 else short(change, "change")


def _quoted(quoted: Quoted) -> str:
    number = brief(_value(quoted.value, quoted.interval), "fraction")
    if quoted.source == "bias-corrected" and quoted.optimism is not None:
        how = (
            f"measured {short(quoted.measured, 'fraction')}; {short(quoted.optimism, 'fraction')} subtracted for the "
            "choice"
        )
    elif quoted.source == "test split":
        how = f"on the test split; {short(quoted.measured, 'fraction')} on the selection split"
    else:
        how = "as measured on the selection split: likely too high"
    missing = f"; no interval: {quoted.no_interval}" if quoted.no_interval is not None else ""
    return f"{number} ({how}{missing})"


def _against(trade: Trade) -> str:
    return trade.sentence


def claim(found: Claim) -> Value:
    """A claim as a value, with its interval if it has one."""
    return _value(found.value, found.interval)


def _value(value: float, interval: Interval | None) -> Value:
    return Value(value) if interval is None else Value(value, interval.low, interval.high)
