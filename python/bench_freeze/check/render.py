"""Render an outcome: terminal, plain text, Markdown, JUnit XML, json. words.py has the words and numbers."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from ..text import terminal
from ..text.aligned import aligned
from ..text.markdown import markdown as marked
from ..text.markdown import markdown_cell as marked_cell
from ..text.terminal import line
from ..text.visible import cell, visible
from .finding import UNCHECKED, Finding, Outcome
from .headline import headline
from .row_names import spoken
from .words import HEADINGS, TEXT_COLUMNS, cells, item, method

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {"PASS": "green", "REGRESSION": "bold red", "REFUSED": "bold red", "INVALID": "yellow", "AMBIGUOUS": "yellow"}
NARROW_COLUMNS = 120  # below, a table of nine columns breaks words
MOST_OPEN = 20  # open findings that are shown outside the folded part
MOST_TABLE = 45_000  # characters: a comment on GitHub has room for 65 536


def shown(outcome: Outcome, everything: bool = False) -> list[Finding]:
    """The rows of the terminal's table: for each metric that passed, the row nearest to its limit.

    Findings that did not pass are listed above the table, and in it only with `everything`.
    """
    if everything:
        return outcome.ordered()
    passed: dict[str, list[Finding]] = {}
    for finding in outcome.findings:
        if finding.status == "PASS":
            passed.setdefault(finding.rule, []).append(finding)
    told = []
    for group in passed.values():
        nearest = max(group, key=lambda finding: (finding.change or 0.0) - (finding.limit or 0.0))
        of = f" (worst of {len(group)})" if len(group) > 1 else ""
        told.append(replace(nearest, row=nearest.row + of))
    return told


def terminal_table(outcome: Outcome, width: int, everything: bool = False) -> Table:
    """The table for a terminal, with fewer columns on a narrow one."""
    from rich.table import Table
    from rich.text import Text

    named, columns = spoken(outcome), _columns(width)
    below = Text(line(method(outcome)))
    table = Table(title=line(_counted(outcome)), title_justify="left", caption=below, caption_justify="left")
    for k in columns:
        table.add_column(HEADINGS[k], justify="left" if k < TEXT_COLUMNS or k == len(HEADINGS) - 1 else "right")
    for finding in shown(named, everything):
        texts = [cell(text) for text in cells(finding)]
        styled = [Text(texts[k], style=STYLES[finding.status] if k == len(HEADINGS) - 1 else "") for k in columns]
        table.add_row(*styled)
    return table


def told(outcome: Outcome) -> list[str]:
    """The top of the terminal output: the verdict, then failed and open findings, each with a remedy."""
    texts = [headline(outcome)]
    for finding in _open(outcome):
        texts.append(f"  {finding.status}: {item(finding)}")
        texts += [f"    {finding.remedy}"] if finding.remedy else []
    return texts


def notes(outcome: Outcome) -> list[str]:
    """The notes on what was left out, one per line."""
    return [f"note: {note}" for note in outcome.notes]


def plain_text(outcome: Outcome, everything: bool = False) -> str:
    """Aligned text for logs and pipes."""
    rows = [cells(finding) for finding in shown(spoken(outcome), everything)]
    table = ["", _counted(outcome), *aligned([HEADINGS, *rows], words=TEXT_COLUMNS)] if rows else []
    return terminal.lines([*told(outcome), *table, method(outcome), *notes(outcome)])


def markdown(outcome: Outcome) -> str:
    """For a pull request or a step summary: the verdict, failed and open findings with remedies; all else folded."""
    open_, named = _open(outcome), spoken(outcome)
    parts = [f"### {marked(headline(outcome))}", ""]
    for finding in open_[:MOST_OPEN]:
        parts.append(f"- **{finding.status}** {marked(item(finding))}")
        parts += [f"  - {marked(finding.remedy)}"] if finding.remedy else []
    if len(open_) > MOST_OPEN:
        parts.append(f"- {len(open_) - MOST_OPEN} more, below")
    parts += [*(f"- {marked(note)}" for note in outcome.notes if note.startswith(UNCHECKED)), ""]
    parts += [f"<details><summary>{_counted(outcome)}</summary>", "", *_markdown_table(named.ordered()), ""]
    parts += [f"- {marked(note)}" for note in outcome.notes if not note.startswith(UNCHECKED)]
    parts += ["", marked(method(outcome)), "", "</details>", ""]
    return "\n".join(parts)


def junit_xml(outcome: Outcome) -> bytes:
    """JUnit XML: a test case per finding; regressions are failures, and findings without a verdict are errors."""
    from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

    suite = TestSuite("bench-freeze check")
    for finding in outcome.findings:
        case = TestCase(visible(finding.metric), visible(f"bench-freeze.{finding.row}"), 0)
        said = visible(finding.sentence)  # XML can hold no control characters, escaped or not
        case.system_out = said
        if finding.status == "REGRESSION":
            case.result = [Failure(said, finding.status)]
        elif finding.status != "PASS":
            case.result = [Error(said, finding.status)]
        suite.add_testcase(case)
    xml = JUnitXml("bench-freeze")
    xml.add_testsuite(suite)
    stream = io.BytesIO()
    xml.write(stream)
    return stream.getvalue()


def plain_json(outcome: Outcome) -> str:
    """The whole outcome as json."""
    values: dict[str, Any] = {
        "exit_code": outcome.exit_code,
        "summary": outcome.summary,
        "headline": headline(outcome),
        "current": outcome.current,
        "baseline": outcome.baseline,
        "notes": list(outcome.notes),
        "findings": [_as_json(finding) for finding in outcome.findings],
    }
    return json.dumps(values, indent=1) + "\n"


def _as_json(finding: Finding) -> dict[str, Any]:
    return {
        **asdict(finding),
        "key": list(finding.key.parts().values()),
        "change_share": finding.change_share,
    }


def _columns(width: int) -> list[int]:
    everything = list(range(len(HEADINGS)))
    return (
        everything
        if width >= NARROW_COLUMNS
        else [k for k in everything if HEADINGS[k] not in ("baseline", "current", "95 % bounds")]
    )


def _open(outcome: Outcome) -> list[Finding]:
    return [finding for finding in spoken(outcome).ordered() if finding.status != "PASS"]


def _counted(outcome: Outcome) -> str:
    """All comparisons, by status."""
    counts = ", ".join(f"{n} {status.lower()}" for status, n in outcome.counts.items())
    return f"All {len(outcome.findings)} comparisons: {counts}" if counts else "Nothing was compared"


def _markdown_table(findings: list[Finding]) -> list[str]:
    """At most MOST_TABLE characters of the table, with a count of what was left out."""
    rule = "|" + "|".join("---" if k < TEXT_COLUMNS else "---:" for k in range(len(HEADINGS))) + "|"
    rows = [HEADINGS, *(cells(finding) for finding in findings)]
    lines = ["| " + " | ".join(marked_cell(text) for text in row) + " |" for row in rows]
    lengths = list(accumulate(len(text) + 1 for text in lines))
    kept = sum(length <= MOST_TABLE for length in lengths)
    left_out = len(lines) - kept
    more = ["", f"{left_out} more are in the json form."] if left_out else []
    return [lines[0], rule, *lines[1:kept], *more]
