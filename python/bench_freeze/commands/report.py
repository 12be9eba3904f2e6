"""The command `bench-freeze report`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..exit_status import exit_table
from ..text.terminal import Shown, lines, rich_console, say
from ..user_files import check_target, write_text
from .help_format import Commands, HelpFormatter

if TYPE_CHECKING:
    from rich.console import Group

    from ..report.view import View

STYLES = {r"\bVALID\b": "green", r"\bAMBIGUOUS\b": "yellow", r"\bINVALID\b": "red", r"^[A-Z][a-z ]+:": "bold"}


def add_report(commands: Commands) -> None:
    """Add the command to the parser."""
    report = commands.add_parser(
        "report",
        help="show results, or compare several files: terminal, HTML, Markdown, CSV",
        description="Show one or more results.json files (or profiles of `bench-freeze profile`) as a table; several "
        "are compared. The page shows example images if the run's folder still has its examples.json.",
        epilog=exit_table(),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    report.add_argument("results", nargs="+", metavar="RESULTS", help="results.json, its folder, or a profile's json")
    report.add_argument("--html", metavar="FILE", help="write the HTML page, one self-contained file")
    report.add_argument("--markdown", metavar="FILE", help="write the table as Markdown")
    report.add_argument("--csv", metavar="FILE", help="write the numbers unrounded, with units in the headings")
    report.add_argument(
        "--verbose", action="store_true", help="show every row, column and conclusion, not only the main ones"
    )
    report.set_defaults(call=_report)


def _report(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..report.documents import read_documents
    from ..report.html.page import report_page
    from ..report.table import csv_table, markdown

    for flag in ("html", "markdown", "csv"):
        if (name := getattr(parsed, flag)) is not None:
            check_target(Path(name), f"--{flag}")
    documents = read_documents([Path(name) for name in parsed.results])
    if parsed.html is not None:
        page = report_page(documents.view, documents.examples, documents.no_examples)
        write_text(Path(parsed.html), page, "--html")
    if parsed.markdown is not None:
        write_text(Path(parsed.markdown), markdown(documents.view), "--markdown")
    if parsed.csv is not None:
        write_text(Path(parsed.csv), csv_table(documents.view), "--csv")
    written = [name for name in (parsed.html, parsed.markdown, parsed.csv) if name is not None]
    if not written:
        show(documents.view, verbose=parsed.verbose)
    for name in written:
        say(name)
    return 0


def show(view: View, *, verbose: bool = False) -> None:
    """Print a view: the decision on one screen, or everything; the same for a terminal and a log."""
    if verbose:
        _show_all(view)
        return
    from ..report.summary_text import WIDTH, summary

    if not sys.stdout.isatty():
        print(lines(summary(view, WIDTH)))
        return
    console = rich_console()
    console.print(Shown(_coloured(summary(view, console.width))))


def _coloured(texts: list[str]) -> Group:
    """Lines with coloured verdicts. They already fit the width, so Rich must not wrap them again."""
    from rich.console import Group
    from rich.text import Text

    drawn = []
    for text in texts:
        one = Text(text, no_wrap=True, overflow="ignore")
        for words, style in STYLES.items():
            one.highlight_regex(words, style)
        drawn.append(one)
    return Group(*drawn)


def _show_all(view: View) -> None:
    """Every row and column, then every conclusion and warning."""
    from ..report.conclusions_text import conclusion_lines
    from ..report.gain_text import plain_gain
    from ..report.protocol_text import plain_protocols
    from ..report.table import plain_table, terminal_table

    if sys.stdout.isatty():
        console = rich_console()
        console.print(Shown(terminal_table(view, console.width)))
    else:
        print(plain_table(view))
    for study in view.studies:
        statistics = study.results.statistics
        tables = []
        if statistics is not None:
            tables += plain_gain(statistics.gain) if statistics.gain is not None else []
            tables += plain_protocols(statistics.protocols) if statistics.protocols is not None else []
        remarks = [f"! {remark.text} {remark.remedy}".rstrip() for remark in study.remarks]
        for line in (*conclusion_lines(study.results), *tables, *remarks):
            say(line if len(view.studies) == 1 else f"{study.name}: {line}")
