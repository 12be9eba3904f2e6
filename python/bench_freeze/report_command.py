"""The flags of `bench-freeze report` and what they call."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_report(commands: Any) -> None:
    """Add the command to the parser's."""
    report = commands.add_parser(
        "report",
        help="show results again, or compare several files: terminal, HTML, Markdown, CSV",
        description="Show one or more results.json (and profiles of bench-freeze profile) as a table; several make a "
        "comparison. Example images are shown where the run's folder still has its examples.json.",
        allow_abbrev=False,
    )
    report.add_argument("results", nargs="+", metavar="RESULTS", help="results.json, its folder, or a profile's json")
    report.add_argument("--html", metavar="FILE", help="write the page: one file with everything in it")
    report.add_argument("--markdown", metavar="FILE", help="write the table as Markdown")
    report.add_argument("--csv", metavar="FILE", help="write the numbers as they were measured, unrounded")
    report.set_defaults(call=_report)


def _report(parsed: argparse.Namespace, command: list[str]) -> int:
    from .artifact import write_whole
    from .report.documents import read_documents
    from .report.html.page import report_page
    from .report.table import csv_table, markdown

    documents = read_documents([Path(name) for name in parsed.results])
    if parsed.html is not None:
        page = report_page(documents.view, documents.examples, documents.no_examples)
        write_whole(Path(parsed.html), page.encode())
    if parsed.markdown is not None:
        write_whole(Path(parsed.markdown), markdown(documents.view).encode())
    if parsed.csv is not None:
        write_whole(Path(parsed.csv), csv_table(documents.view).encode())
    written = [name for name in (parsed.html, parsed.markdown, parsed.csv) if name is not None]
    if not written:
        show(documents.view)
    for name in written:
        print(name)
    return 0


def show(view: Any) -> None:
    """The table on standard output: drawn for a terminal of this width, plain lines for a pipe."""
    from .report.table import plain_table, terminal_table

    if sys.stdout.isatty():
        from rich.console import Console

        console = Console(highlight=False)
        console.print(terminal_table(view, console.width))
    else:
        print(plain_table(view))
