"""The forms of an outcome: terminal, plain text, Markdown, JUnit XML, json. Words and numbers are those of words.py."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ..text import terminal
from ..text.aligned import aligned
from ..text.markdown import markdown as marked
from ..text.markdown import markdown_cell as marked_cell
from ..text.terminal import line
from ..text.visible import cell, visible
from .finding import Finding, Outcome
from .words import HEADINGS, TEXT_COLUMNS, cells, method

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {"PASS": "green", "REGRESSION": "bold red", "REFUSED": "bold red", "INVALID": "yellow", "AMBIGUOUS": "yellow"}
NARROW_COLUMNS = 120  # below, a table of nine columns breaks words


def shown(outcome: Outcome, everything: bool = False) -> list[Finding]:
    """What a reader sees first: all that did not pass, and of each metric that passed the row nearest to its limit."""
    if everything:
        return outcome.ordered()
    told = [finding for finding in outcome.ordered() if finding.status != "PASS"]
    passed: dict[str, list[Finding]] = {}
    for finding in outcome.findings:
        if finding.status == "PASS":
            passed.setdefault(finding.rule, []).append(finding)
    for group in passed.values():
        nearest = max(group, key=lambda finding: (finding.change or 0.0) - (finding.limit or 0.0))
        of = f" (worst of {len(group)})" if len(group) > 1 else ""
        told.append(replace(nearest, row=nearest.row + of))
    return told


def terminal_table(outcome: Outcome, width: int, everything: bool = False) -> Table:
    """The table for a terminal; a narrow one leaves out what the sentences below say."""
    from rich.table import Table
    from rich.text import Text

    columns = _columns(width)
    below = Text(line(method(outcome)))
    table = Table(title=outcome.summary, title_justify="left", caption=below, caption_justify="left")
    for k in columns:
        table.add_column(HEADINGS[k], justify="left" if k < TEXT_COLUMNS or k == len(HEADINGS) - 1 else "right")
    for finding in shown(outcome, everything):
        texts = [cell(text) for text in cells(finding)]
        styled = [Text(texts[k], style=STYLES[finding.status] if k == len(HEADINGS) - 1 else "") for k in columns]
        table.add_row(*styled)
    return table


def sentences(outcome: Outcome) -> list[str]:
    """What did not pass, in words, then the notes."""
    told = [f"{finding.status}: {finding.sentence}" for finding in outcome.ordered() if finding.status != "PASS"]
    return [*told, *(f"note: {note}" for note in outcome.notes)]


def plain_text(outcome: Outcome, everything: bool = False) -> str:
    """Aligned text for logs and pipes."""
    rows = [HEADINGS, *(cells(finding) for finding in shown(outcome, everything))]
    return terminal.lines([outcome.summary, *aligned(rows, words=TEXT_COLUMNS), method(outcome), *sentences(outcome)])


def markdown(outcome: Outcome) -> str:
    """For a pull request or a step summary; what passed is folded away."""
    told = [finding for finding in outcome.ordered() if finding.status != "PASS"]
    passed = [finding for finding in outcome.ordered() if finding.status == "PASS"]
    parts = [f"### bench-freeze: {marked(outcome.summary)}", ""]
    if told:
        parts += [*_markdown_table(told), ""]
        parts += [*(f"- **{finding.status}** {marked(finding.sentence)}" for finding in told), ""]
    if passed:
        parts += [
            f"<details><summary>{len(passed)} passed</summary>",
            "",
            *_markdown_table(passed),
            "",
            "</details>",
            "",
        ]
    parts += [*(f"- {marked(note)}" for note in outcome.notes), "", marked(method(outcome)), ""]
    return "\n".join(parts)


def junit_xml(outcome: Outcome) -> bytes:
    """JUnit XML: a test case of each finding; regressions are failures, what could not be judged is an error."""
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
    """Everything, as json."""
    values: dict[str, Any] = {
        "exit_code": outcome.exit_code,
        "summary": outcome.summary,
        "current": outcome.current,
        "baseline": outcome.baseline,
        "notes": list(outcome.notes),
        "findings": [_as_json(finding) for finding in outcome.findings],
    }
    return json.dumps(values, indent=1) + "\n"


def _as_json(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "key": list(finding.key.parts().values()), "change_share": finding.change_share}


def _columns(width: int) -> list[int]:
    everything = list(range(len(HEADINGS)))
    return (
        everything
        if width >= NARROW_COLUMNS
        else [k for k in everything if HEADINGS[k] not in ("baseline", "current", "95 % bounds")]
    )


def _markdown_table(findings: list[Finding]) -> list[str]:
    rule = "|" + "|".join("---" if k < TEXT_COLUMNS else "---:" for k in range(len(HEADINGS))) + "|"
    rows = [HEADINGS, *(cells(finding) for finding in findings)]
    lines = ["| " + " | ".join(marked_cell(text) for text in row) + " |" for row in rows]
    return [lines[0], rule, *lines[1:]]
