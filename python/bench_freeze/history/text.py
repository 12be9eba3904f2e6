"""A history as text: aligned for a pipe or a terminal, as Markdown, and as json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..text import terminal
from ..text.aligned import aligned
from ..text.markdown import markdown as marked
from ..text.markdown import markdown_cell
from .changes import ALPHA, INSTALL, MIN_RUNS, can_find_changes
from .runs import Run
from .series import Series

HEADINGS = ("row", "metric", "runs", "first", "last", "changes", "course")
WORDS = (0, 1, 6)  # columns of words
WIDEST = 60  # runs of a sparkline in a table; longer series show the last ones


def cells(series: Series) -> tuple[str, ...]:
    """One row of the table, under HEADINGS."""
    course = series.sparkline()
    return (
        series.name,
        series.title,
        str(len(series.values)),
        series.shown(series.values[0]),
        series.shown(series.values[-1]),
        str(len(series.changes)),
        course if len(course) <= WIDEST else f"…{course[-WIDEST:]}",
    )


def headline(runs: Sequence[Run], found: Sequence[Series]) -> str:
    """What changed, in one line."""
    span = f"{len(runs)} runs, {runs[0].label} to {runs[-1].label}"
    if not can_find_changes():
        return f"{span}: {INSTALL}"
    moved = [series for series in found if series.has_changed]
    if not moved:
        return f"{span}: no level changed in {len(found)} series"
    return f"{span}: the level changed in {len(moved)} of {len(found)} series"


def method() -> str:
    """A sentence that explains change points."""
    return (
        f"A change is proven: among histories without a change, one is found in at most {ALPHA:.0%}, over all series "
        f"together, if runs vary independently of each other. A level has at least {MIN_RUNS} runs, so a change "
        "is seen after as many."
    ).replace("%", " %")


def lines(runs: Sequence[Run], found: Sequence[Series], notes: Sequence[str]) -> list[str]:
    """The history as lines: the verdict, the changes, the table."""
    told = [f"  {sentence}" for series in found for sentence in series.sentences(runs)]
    table = ["", *aligned([HEADINGS, *map(cells, found)], words=WORDS)] if found else []
    return [headline(runs, found), *told, *table, method(), *(f"note: {note}" for note in notes)]


def plain_text(runs: Sequence[Run], found: Sequence[Series], notes: Sequence[str]) -> str:
    """For logs, pipes and terminals."""
    return terminal.lines(lines(runs, found, notes))


def markdown(runs: Sequence[Run], found: Sequence[Series], notes: Sequence[str]) -> str:
    """The changes first, the table folded."""
    told = [sentence for series in found for sentence in series.sentences(runs)]
    rows = [HEADINGS, *map(cells, found)]
    table = ["| " + " | ".join(markdown_cell(text) for text in row) + " |" for row in rows]
    rule = "|" + "|".join("---" if k in WORDS else "---:" for k in range(len(HEADINGS))) + "|"
    parts = [f"### {marked(headline(runs, found))}", "", *(f"- {marked(text)}" for text in told), ""]
    parts += [f"<details><summary>{len(found)} series</summary>", "", table[0], rule, *table[1:], ""]
    parts += [*(f"- {marked(note)}" for note in notes), "", marked(method()), "", "</details>", ""]
    return "\n".join(parts)


def plain_json(runs: Sequence[Run], found: Sequence[Series], notes: Sequence[str]) -> str:
    """Everything, as json; `runs` of a series are positions in `runs`."""
    values: dict[str, Any] = {
        "headline": headline(runs, found),
        "notes": list(notes),
        "runs": [
            {"name": r.name, "recorded_at": r.recorded_at.isoformat() if r.recorded_at else None, "commit": r.commit}
            for r in runs
        ],
        "series": [
            {
                "row": series.name,
                "metric": series.metric,
                "runs": list(series.runs),
                "values": list(series.values),
                "changes": [
                    {"run": series.runs[change.position], "before": change.before, "after": change.after}
                    for change in series.changes
                ],
            }
            for series in found
        ],
        "change_points": can_find_changes(),
    }
    return json.dumps(values, indent=1) + "\n"
