"""A view for a terminal: the pick first, then a table that fits, then the warnings.

A log gets the same lines. There are at most about MOST_LINES of them, and words are never broken.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..text import terminal
from ..text.aligned import aligned, wrapped
from ..text.visible import cell as shown
from . import formats
from .columns import NUMBERS
from .decision import decision_lines
from .view import MAIN, Column, RowView, StudyView, View

WIDTH = 80
MOST_LINES = 40
MOST_WARNINGS = 9  # lines
MOST_DECISION = 14
FEWEST_ROWS = 5
_GAP = 2
_HEADINGS = {column.key: column.heading for column in NUMBERS if column.key in MAIN} | {"size": "MB"}
_SHORT_HEADINGS = {**_HEADINGS, "change": "base", "ratio": "x orig"}
MARKS = {"*": "recommended", "x": "breaks a constraint"}
VERBOSE = "Everything else: --verbose, or --html FILE."


def summary(view: View, width: int = WIDTH, *, more: str = VERBOSE) -> list[str]:
    """The lines of the summary; `more` says where to find the rest."""
    head = wrapped(terminal.line(view.title), width)[:2]
    for study in view.studies:
        most = MOST_DECISION * max(WIDTH, width) // width // len(view.studies)
        head += _decision(study, width, len(view.studies), most)
    warnings = _warnings(view, width)
    used = [mark for mark, there in (("*", view.picked), ("x", any(row.breaks for row in view.rows))) if there]
    legend = "".join(f"{mark} {MARKS[mark]}. " for mark in used)
    foot = [text for sentence in view.scored_on[:3] for text in wrapped(terminal.line(sentence), width)]
    foot += wrapped(legend + more, width)
    parts = [part for part in (head, warnings, foot) if part]
    left = MOST_LINES - sum(map(len, parts)) - len(parts) - 1  # blank lines between the parts, and the heading
    table = _table(view, width, max(left, FEWEST_ROWS))
    every = [part for part in (head, table, warnings, foot) if part]
    return [terminal.line(text) for k, part in enumerate(every) for text in ([""] if k else []) + part]


def _decision(study: StudyView, width: int, studies: int, most: int) -> list[str]:
    if study.decision is None:
        return []
    named = f"{study.name}: " if studies > 1 else ""
    found: list[str] = []
    said = decision_lines(study.decision)
    for k, text in enumerate(said):
        lines = wrapped(terminal.line(named + text if k == 0 else text), width)
        room = most - len(found) - (len(said) - k - 1)  # the remaining sentences get a line each, at least
        found += _cut(lines, max(room, 1), width)
    return found


def _cut(lines: Sequence[str], most: int, width: int) -> list[str]:
    """The first lines of a paragraph, with an ellipsis where it was cut."""
    kept = list(lines[:most])
    if kept and len(kept) < len(lines):
        words = kept[-1].split(" ")
        while len(words) > 1 and len(" ".join(words)) + 4 > width:
            words.pop()
        kept[-1] = " ".join([*words, "..."])
    return kept


def _table(view: View, width: int, most: int) -> list[str]:
    """The main table in at most `most` lines, giving priority to recommended rows, then to the best."""
    from rich.cells import cell_len

    columns = [column for column in view.columns if column.key in MAIN]
    judged = any(row.verdict != "UNJUDGED" for row in view.rows)
    rows = view.top()

    def cells(row: RowView, ends: bool) -> list[str]:
        numbers = [_number(row, column, ends and column.key == "target_map") for column in columns]
        return [*numbers, *([row.verdict] if judged else [])]

    for ends, headings in ((True, _HEADINGS), (True, _SHORT_HEADINGS), (False, _SHORT_HEADINGS)):
        heads = [headings[column.key] for column in columns] + (["verdict"] if judged else [])
        table = [heads, *(cells(row, ends) for row in rows)]
        taken = sum(max(len(line[k]) for line in table) + _GAP for k in range(len(heads)))
        room = width - taken
        if all(cell_len(_marked(row, view)) <= room for row in rows):
            break
    names = [wrapped(_marked(row, view), max(room, 8)) for row in rows]
    order, left_out = _chosen(view, rows, [len(parts) for parts in names], most)
    lines = [["model", *table[0]]]
    for k in order:
        lines.append([names[k][0], *table[1 + k]])
        lines += [[part, *[""] * len(heads)] for part in names[k][1:]]
    words = {0, len(heads)} if judged else {0}
    found = aligned(lines, words)
    return [*found, f"and {left_out} more models"] if left_out else found


def _chosen(view: View, rows: Sequence[RowView], heights: Sequence[int], most: int) -> tuple[list[int], int]:
    """The positions of the rows to show, in order, and the number of the others."""
    if sum(heights) <= most:
        return list(range(len(rows))), 0

    def worth(k: int) -> tuple[bool, bool, float]:
        row = rows[k]
        return row.id in view.picked, row.kind == "original", row.value("target_map").value or -1.0

    kept: list[int] = []
    used = 1  # the line with the number of the others
    for k in sorted(range(len(rows)), key=worth, reverse=True):
        if used + heights[k] > most:
            break
        kept.append(k)
        used += heights[k]
    return sorted(kept), len(rows) - len(kept)


def _number(row: RowView, column: Column, ends: bool) -> str:
    value = row.value(column.key)
    return formats.brief(value, column.format) if ends else formats.short(value.value, column.format)


def _marked(row: RowView, view: View) -> str:
    """A row's name, with a star if it is recommended, or an x if it breaks a constraint."""
    mark = " *" if row.id in view.picked else " x" if row.breaks else ""
    return shown(row.name) + mark


def _warnings(view: View, width: int) -> list[str]:
    found: list[str] = []
    remarks = [(study, remark) for study in view.studies for remark in study.remarks]
    for k, (study, remark) in enumerate(remarks):
        named = f"{study.name}: " if len(view.studies) > 1 else ""
        text = f"! {named}{remark.text} {remark.remedy}".rstrip()
        lines = wrapped(terminal.line(text), width, "  ")
        if len(found) + len(lines) > MOST_WARNINGS:
            return [*found, f"! {len(remarks) - k} more: --verbose"]
        found += lines
    return found
