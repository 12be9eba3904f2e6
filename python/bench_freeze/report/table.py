"""The table of a view as text: for a terminal, for logs, as Markdown, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..text import terminal
from ..text.aligned import aligned
from ..text.markdown import markdown as marked
from ..text.markdown import markdown_cell as marked_cell
from ..text.spreadsheet import csv_cell
from ..text.terminal import line
from ..text.visible import cell as shown
from . import formats
from .builds_text import build_lines
from .columns import UNIT_SUFFIX, VERDICT
from .conclusions_text import markdown_conclusions
from .decision import decision_lines
from .files import FILES, files_of
from .formats import cell, heading
from .gain_text import markdown_gain
from .protocol_text import markdown_protocols
from .view import Column, RowView, View

if TYPE_CHECKING:
    from rich.console import RenderableType

NAME = Column(
    "name", "model", "text", "What distinguishes a row from the others."
)  # replaces the columns that name a row where they are too wide
_GAP = 2  # spaces between two columns of the terminal's table


def cells_of(row: RowView, columns: Sequence[Column]) -> list[str]:
    """The cells of one row with their intervals, as Markdown and logs show them."""
    return [row.verdict if column == VERDICT else cell(row, column) for column in columns]


def plain_table(view: View) -> str:
    """The table as aligned text, for logs and pipes."""
    rows = [[heading(c) for c in view.columns], *(cells_of(row, view.columns) for row in view.rows)]
    words = [k for k, column in enumerate(view.columns) if column.is_text]
    return terminal.lines([view.title, *aligned(rows, words), *sentences(view)])


def markdown_table(view: View) -> str:
    """The table as Markdown, with text from data sets escaped."""

    def joined(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    rule = joined("---" if column.is_text else "---:" for column in view.columns)
    rows = (
        joined(
            marked_cell(text) if c.is_text else text
            for text, c in zip(cells_of(row, view.columns), view.columns, strict=True)
        )
        for row in view.rows
    )
    return "\n".join([joined(map(heading, view.columns)), rule, *rows])


def markdown_main(view: View) -> str:
    """The table of the deciding numbers as Markdown, one row per model; a star marks the recommended ones."""
    columns = [*view.main, *(column for column in view.columns if column == VERDICT)]
    lines = [["model", *map(heading, columns)], ["---", *("---" if c == VERDICT else "---:" for c in columns)]]
    for row in view.top():
        mark = " \\*" if row.id in view.picked else " (breaks a constraint)" if row.breaks else ""
        numbers = (
            row.verdict if column == VERDICT else formats.brief(row.value(column.key), column.format)
            for column in columns
        )
        lines.append([marked_cell(row.name) + mark, *numbers])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def markdown(view: View) -> str:
    """A whole Markdown document: the decision, the deciding numbers, the warnings, then everything else."""
    parts = [f"# {marked(view.title)}", *(marked(study.asked) for study in view.studies)]
    for study in view.studies:
        said = [] if study.decision is None else decision_lines(study.decision)
        parts += ["\n".join(f"- {marked(line)}" for line in said)] if said else []
    parts.append(markdown_main(view))
    remarks = [f"{remark.text} {remark.remedy}".rstrip() for study in view.studies for remark in study.remarks]
    parts += ["## Warnings", "\n".join(f"- {marked(remark)}" for remark in remarks)] if remarks else []
    parts += ["## Every row", markdown_table(view), *map(marked, sentences(view))]
    for study in view.studies:
        conclusions = markdown_conclusions(study.results)
        parts += [f"## {marked(study.name)}", conclusions] if conclusions else []
        statistics = study.results.statistics
        if statistics is not None and statistics.gain is not None:
            parts += ["### Gain over scratch", markdown_gain(statistics.gain)]
        if statistics is not None and statistics.protocols is not None:
            parts += ["### Target AP by protocol, IoU and object size", markdown_protocols(statistics.protocols)]
    return "\n\n".join(parts) + "\n"


def csv_table(view: View) -> str:
    """The unrounded numbers as CSV, with units in the headings and the ends of intervals in columns of their own."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = [column for column in view.columns if column.is_text and column != VERDICT]
    bounded = {c.key for c in view.numbers if any(row.value(c.key).has_interval for row in view.rows)}
    headings = ["name", *(c.key for c in names)]
    for column in view.numbers:
        unit = UNIT_SUFFIX.get(column.format, "")
        ends = ("", "_low", "_high") if column.key in bounded else ("",)
        headings += [f"{column.key}{end}{unit}" for end in ends]
    writer.writerow([*headings, "verdict", "reasons", *FILES])
    for row in view.rows:
        cells: list[object] = [csv_cell(row.name), *(_named(row, c.key) for c in names)]
        for column in view.numbers:
            value = row.value(column.key)
            cells += [value.value, value.low, value.high] if column.key in bounded else [value.value]
        files = [csv_cell(files_of(row).get(name, "")) for name in FILES]
        writer.writerow([*cells, row.verdict, csv_cell("; ".join(row.reasons)), *files])
    return stream.getvalue()


def _named(row: RowView, key: str) -> str:
    """A row's text in a column of words, escaped for spreadsheets except for the dash of an empty cell."""
    text = row.identity.get(key, "")
    return text if text == formats.NOTHING else csv_cell(text)


def terminal_table(view: View, width: int) -> RenderableType:
    """The table for a terminal of `width` characters, split into as many stacked parts as it needs to fit."""
    from rich.console import Group
    from rich.text import Text

    names = [c for c in view.names if c != VERDICT]
    if _width(names, view.rows) > width // 2:
        names = [NAME]
    parts: list[list[Column]] = []
    for column in (*view.numbers, *(c for c in view.columns if c == VERDICT)):
        if parts and _width([*parts[-1], column], view.rows) <= width:
            parts[-1].append(column)
        else:
            parts.append([*names, column])
    title = Text(line(view.title), style="bold")
    notes = [Text(line(sentence), style="dim") for sentence in sentences(view)]
    return Group(title, *(_terminal_part(columns, view.rows) for columns in parts), *notes)


def _terminal_part(columns: Sequence[Column], rows: Sequence[RowView]) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    styles = {"VALID": "green", "AMBIGUOUS": "yellow", "INVALID": "red"}
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, _GAP - 1, 0, 0), pad_edge=False)
    for column in columns:
        table.add_column(
            "\n".join(_stacked(column)), justify="left" if column.is_text else "right", no_wrap=column != NAME
        )
    for row in rows:
        cells = [Text("\n".join(_lines(row, column))) for column in columns]
        if columns[-1] == VERDICT:
            cells[-1].stylize(styles.get(row.verdict, "yellow"))
        table.add_row(*cells)
    return table


def _lines(row: RowView, column: Column) -> list[str]:
    """The lines of a cell; the interval gets its own line to save width."""
    if column == VERDICT:
        return [row.verdict]
    if column == NAME:
        return [shown(row.name)]
    if column.is_text:
        return [shown(cell(row, column))]
    value = row.value(column.key)
    bounds = formats.interval(value, column.format)
    return [formats.number(value.value, column.format), *([bounds] if bounds else [])]


def _stacked(column: Column) -> list[str]:
    return heading(column).split(" ")


def _width(columns: Sequence[Column], rows: Sequence[RowView]) -> int:
    widths = [
        max(len(text) for texts in (_stacked(c), *(_lines(row, c) for row in rows)) for text in texts) for c in columns
    ]
    return sum(widths) + _GAP * (len(widths) - 1)


def sentences(view: View) -> list[str]:
    """The sentences below the table."""
    captions = list(dict.fromkeys(study.caption for study in view.studies))
    unfinished = [
        f"{study.name} is not finished: rows are missing." for study in view.studies if not study.results.finished
    ]
    bounds = any(row.value(c.key).has_interval for row in view.rows for c in view.numbers)
    builds = [line for study in view.studies for line in build_lines(study.results)]
    return [
        *captions,
        *(["In brackets: 95 % confidence intervals."] if bounds else []),
        *builds,
        *view.scored_on,
        *view.absent,
        *unfinished,
    ]
