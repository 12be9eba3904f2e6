"""The command `bench-freeze history`."""

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
Show metrics over many runs, and the runs at which their level changed. This reveals a series of
small regressions, none of which fails a check. Runs are ordered by their recorded time. A level needs three runs.
Change points need an extra package (pip install "bench-freeze[history]"); without it only the values are shown.
"""
EPILOG = exit_table()
EPILOG += """\
examples:
  bench-freeze history runs/
  bench-freeze history runs/*/results.json --metric latency_model,base_map --html history.html
"""


def add_history(commands: Any) -> None:
    """Add the command to the parser."""
    history = commands.add_parser(
        "history",
        help="show metrics over many runs, with change points",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    history.add_argument(
        "runs", nargs="+", metavar="RUN", help="results.json files, profiles and baselines, or a folder of them"
    )
    history.add_argument(
        "--metric",
        metavar="NAME[,NAME]",
        help="metrics, named as in the rules of check (default: latencies, energy, size, mAP of both heads)",
    )
    history.add_argument("--html", metavar="FILE", help="write a page with a plot of every series")
    history.add_argument("--markdown", metavar="FILE", help="write Markdown")
    history.add_argument("--json", metavar="FILE", help="write json; - prints it instead of the table")
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
