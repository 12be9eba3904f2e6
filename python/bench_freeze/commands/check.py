"""The flags of `bench-freeze check` and `bench-freeze baseline`, and what they call."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..exit_status import exit_table
from ..text.json_text import print_json
from ..text.terminal import Shown, line, rich_console, say
from ..user_files import check_target, write_file, write_text, writing
from .help_format import Commands, HelpFormatter

if TYPE_CHECKING:
    from ..check.finding import Outcome

CHECK_DESCRIPTION = """\
Compare each row of a run with the same row of a baseline: accuracy of both heads by a paired bootstrap over images,
latency by a block bootstrap of the raw samples, file size. A limit is a number in the metric's unit (0.005 of mAP, 2ms,
100kB, 50mJ), a share of the reference (5%), or "off". One that could never fail is refused. Profiles are checked like
runs; their accuracy needs the match file that profile --target/--base writes beside them.
"""

CHECK_EPILOG = exit_table(
    done="no regression",
    failed="a regression is proven",
    input="usage, or data that are missing or do not match: another device class, protocol or data set",
    no_verdict="a measurement is invalid or ambiguous, or an estimate lies beyond its limit without proof",
)
CHECK_EPILOG += """\
  2 outranks 1, and 1 outranks 3.

measuring again:
  --rerun "COMMAND" runs when a latency did not pass. A round starts COMMAND for baseline, current, current, baseline;
  it must write a results.json or a profile to {out}. {which} is "baseline" or "current", {onnx} the row's ONNX file
  where the results lie beside their artifacts, {row} its name. With {onnx} or {row} the command runs for each row in
  doubt, else once for all of them. Fresh samples decide: results that a study kept would only be repeated.

examples:
  bench-freeze check runs/new/results.json --baseline baseline.json --markdown check.md --junit check.xml
  bench-freeze check runs/new/results.json --baseline runs/old/results.json --max-map-drop 1% --max-class-drop 0.05
  bench-freeze check new.profile.json --baseline old.profile.json --max-latency-increase 10%
  bench-freeze check runs/new/results.json --baseline runs/old/results.json \\
      --rerun "bench-freeze profile {onnx} --images val --out {out}"
"""


def add_check(commands: Commands) -> None:
    """Add both commands to the parser's."""
    from ..check.limits import FLAGS

    check = commands.add_parser(
        "check",
        help="compare a run with a baseline: exit 1 on a proven regression",
        description=CHECK_DESCRIPTION,
        epilog=CHECK_EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    check.add_argument("current", metavar="CURRENT", help="results.json or a profile of the run to judge")
    check.add_argument("--baseline", required=True, metavar="FILE", help="a baseline, results.json or profile")
    for name, (_, default, help_text) in FLAGS.items():
        shown = "off" if default is None else default.replace("%", "%%")
        flag = "--" + name.replace("_", "-")
        check.add_argument(flag, dest=name, metavar="LIMIT", help=f"{help_text} (default: {shown})")
    check.add_argument("--config", metavar="TOML", help="limits by metric and by row; flags win over it")
    check.add_argument("--ignore-unmatched", action="store_true", help="leave out rows that only one of the runs has")
    check.add_argument("--rerun", metavar="COMMAND", help="confirm by measuring both again, in turn (see below)")
    check.add_argument("--rerun-rounds", type=int, default=3, metavar="N", help="rounds of A B B A (default: 3)")
    check.add_argument(
        "--threads", type=int, default=1, metavar="N", help="the numbers do not depend on it (default: 1)"
    )
    check.add_argument("--all", action="store_true", help="list every metric of every row that passed, too")
    check.add_argument("--junit", metavar="FILE", help="write JUnit XML")
    check.add_argument("--markdown", metavar="FILE", help="write Markdown; $GITHUB_STEP_SUMMARY gets it too")
    check.add_argument("--json", metavar="FILE", help="write json; - prints it in place of the table")
    check.set_defaults(call=_check)
    _add_baseline(commands)


def _add_baseline(commands: Commands) -> None:
    baseline = commands.add_parser("baseline", help="keep a run as the baseline of later checks", allow_abbrev=False)
    actions = baseline.add_subparsers(title="actions", metavar="ACTION", required=True)
    update = actions.add_parser(
        "update",
        help="write a baseline from a run, with the reason",
        description="Write a baseline: plain json for git, and one compressed match file beside it. Reasons of earlier "
        "updates are kept.",
        epilog=exit_table(),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    update.add_argument("results", metavar="RESULTS", help="results.json or a profile of a finished run")
    update.add_argument("--to", required=True, metavar="BASELINE.json", help="the baseline to write")
    update.add_argument("--reason", required=True, metavar="TEXT", help="why, for whoever reads it later")
    update.set_defaults(call=_update)


def _check(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..check.flow import check
    from ..check.limits import FLAGS, make_rules
    from ..check.rerun import Rerun
    from ..kernels.values import whole_number

    whole_number("threads", parsed.threads)
    for name, path in _targets(parsed).items():
        check_target(path, f"--{name}")
    flags = {name: getattr(parsed, name) for name in FLAGS}
    rules = make_rules(flags, Path(parsed.config) if parsed.config else None)
    outcome = check(
        Path(parsed.current),
        Path(parsed.baseline),
        rules,
        rerun=Rerun(parsed.rerun, parsed.rerun_rounds) if parsed.rerun else None,
        ignore_unmatched=parsed.ignore_unmatched,
        threads=parsed.threads,
        note=lambda text: say(text, error=True),
    )
    _write_files(outcome, parsed)
    _show(outcome, parsed.json == "-", parsed.all)
    return outcome.exit_code


def _write_files(outcome: Outcome, parsed: argparse.Namespace) -> None:
    from ..check import render

    forms: list[tuple[str, Callable[[Outcome], str | bytes]]] = [
        ("junit", render.junit_xml),
        ("markdown", render.markdown),
        ("json", render.plain_json),
    ]
    targets = _targets(parsed)
    for name, form in forms:
        if name in targets:
            content = form(outcome)
            if isinstance(content, str):
                write_text(targets[name], content, f"--{name}")
            else:
                write_file(targets[name], content, f"--{name}")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with writing(Path(summary), "$GITHUB_STEP_SUMMARY"), Path(summary).open("a", encoding="utf-8") as stream:
            stream.write(render.markdown(outcome))  # other steps write there too


def _targets(parsed: argparse.Namespace) -> dict[str, Path]:
    """The files that were asked for, by their flags' names."""
    given = {name: getattr(parsed, name) for name in ("junit", "markdown", "json")}
    return {name: Path(path) for name, path in given.items() if path and not (name == "json" and path == "-")}


def _show(outcome: Outcome, as_json: bool, everything: bool) -> None:
    from ..check import render

    if as_json:
        print_json(render.plain_json(outcome))
    elif sys.stdout.isatty():
        from rich.text import Text

        console = rich_console()
        verdict, *findings = render.told(outcome)
        console.print(Shown(Text(line(verdict), style="bold")))
        for text in findings:
            console.print(Shown(Text(line(text))))
        console.print(Shown(render.terminal_table(outcome, console.width, everything)))
        for text in render.notes(outcome):
            console.print(Shown(Text(line(text))))
    else:
        print(render.plain_text(outcome, everything))


def _update(parsed: argparse.Namespace, command: list[str]) -> int:
    import datetime

    from ..check.baseline import update_baseline

    snapshot = update_baseline(
        Path(parsed.results), Path(parsed.to), parsed.reason, datetime.datetime.now(datetime.timezone.utc).date()
    )
    facts = snapshot.matches
    beside = "no match file: accuracy cannot be checked" if facts is None else f"{facts.file}, {facts.bytes} bytes"
    say(f"{parsed.to}: {len(snapshot.rows)} rows ({beside}); update {len(snapshot.history)}: {parsed.reason.strip()}")
    return 0
