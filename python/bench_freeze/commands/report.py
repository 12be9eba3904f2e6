"""The flags of `bench-freeze report` and what they call."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..errors import InputError, disk_full
from ..text.terminal import Shown, rich_console, say


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
    from ..report.documents import read_documents
    from ..report.html.page import report_page
    from ..report.table import csv_table, markdown

    documents = read_documents([Path(name) for name in parsed.results])
    if parsed.html is not None:
        page = report_page(documents.view, documents.examples, documents.no_examples)
        _write(Path(parsed.html), page)
    if parsed.markdown is not None:
        _write(Path(parsed.markdown), markdown(documents.view))
    if parsed.csv is not None:
        _write(Path(parsed.csv), csv_table(documents.view))
    written = [name for name in (parsed.html, parsed.markdown, parsed.csv) if name is not None]
    if not written:
        show(documents.view)
    for name in written:
        say(name)
    return 0


def _write(path: Path, text: str) -> None:
    """Write a file whole. Pipes and devices (/dev/stdout) are written to, never replaced."""
    from ..files import write_whole

    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
        else:
            write_whole(path, text.encode())
    except OSError as error:
        if disk_full(error) is not None:
            raise
        raise InputError(f"{path} cannot be written ({error.strerror}); give another file.") from None


def _gain(results: Any) -> list[str]:
    from ..report.gain_text import plain_gain

    found = results.statistics.gain if results.statistics is not None else None
    return [] if found is None else plain_gain(found)


def show(view: Any) -> None:
    """Table and conclusions on standard output: drawn for a terminal of this width, plain lines for a pipe."""
    from ..report.conclusions_text import conclusion_lines
    from ..report.table import plain_table, terminal_table

    if sys.stdout.isatty():
        console = rich_console()
        console.print(Shown(terminal_table(view, console.width)))
    else:
        print(plain_table(view))
    for study in view.studies:
        for line in conclusion_lines(study.results) + _gain(study.results):
            say(line if len(view.studies) == 1 else f"{study.name}: {line}")
