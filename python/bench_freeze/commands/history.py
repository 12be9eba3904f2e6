"""The flags of `bench-freeze history` and what they call."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..exit_status import exit_table
from ..text.json_text import print_json
from ..text.terminal import say
from ..user_files import check_target, write_text
from .help_format import HelpFormatter

DESCRIPTION = """\
Show how metrics moved over many runs, and at which run a level changed. Several small steps, none of which a check
would stop, are seen together. Runs are ordered by the time at which they were recorded. A level needs three runs.
Change points need the extra: pip install "bench-freeze[history]"; without it the values are shown.
"""
EPILOG = exit_table()
EPILOG += """\
examples:
  bench-freeze history runs/
  bench-freeze history runs/*/results.json --metric latency_model,base_map --html history.html
"""


def add_history(commands: Any) -> None:
    """Add the command to the parser's."""
    history = commands.add_parser(
        "history",
        help="a metric over many runs, with the runs at which it changed",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    history.add_argument("runs", nargs="+", metavar="RUN", help="results.json, profiles and baselines, or their folder")
    history.add_argument(
        "--metric",
        metavar="NAME[,NAME]",
        help="as in the rules of check (default: latencies, energy, size, mAP of both heads)",
    )
    history.add_argument("--html", metavar="FILE", help="write a page with a plot of every series")
    history.add_argument("--markdown", metavar="FILE", help="write Markdown")
    history.add_argument("--json", metavar="FILE", help="write json; - prints it in place of the table")
    history.set_defaults(call=_history)


def _history(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..history import text
    from ..history.page import page
    from ..history.runs import read_runs
    from ..history.series import SHOWN, make_series

    metrics = _metrics(parsed.metric) if parsed.metric is not None else SHOWN
    forms = {"html": page, "markdown": text.markdown, "json": text.plain_json}
    targets = {name: getattr(parsed, name) for name in forms}
    targets = {name: Path(to) for name, to in targets.items() if to and not (name == "json" and to == "-")}
    for name, path in targets.items():
        check_target(path, f"--{name}")
    runs, notes = read_runs([Path(name) for name in parsed.runs])
    found = make_series(runs, metrics)
    if not found:
        raise InputError("no two runs have a row and a metric in common; give runs of one study, or another --metric.")
    for name, path in targets.items():
        write_text(path, forms[name](runs, found, notes), f"--{name}")
    if parsed.json == "-":
        print_json(text.plain_json(runs, found, notes))
    else:
        print(text.plain_text(runs, found, notes))
    for path in targets.values():
        say(str(path), error=True)
    return 0


def _metrics(written: str) -> tuple[str, ...]:
    from ..history.runs import METRICS_KEPT

    names = tuple(name.strip() for name in written.split(","))
    for name in names:
        if name not in METRICS_KEPT:
            raise InputError(f"--metric: {name!r} is not kept for every run; give some of {', '.join(METRICS_KEPT)}.")
    return names
