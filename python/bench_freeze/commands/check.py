"""The commands `bench-freeze check` and `bench-freeze baseline`."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..exit_status import exit_table
from ..text.json_text import print_json
from ..text.terminal import Shown, line, rich_console, say
from ..user_files import check_target, is_folder, write_file, write_text, writing
from .help_format import Commands, HelpFormatter

if TYPE_CHECKING:
    from ..check.finding import Outcome
    from ..check.flow import OpenSource

CHECK_DESCRIPTION = """\
Compare each row of a run with the same row of a baseline: accuracy of both heads by a paired
bootstrap over images, file size, and latency. If both models are available, latency is measured now, on this machine,
in alternation. A limit is a number in the metric's unit (0.005 of mAP, 2ms, 100kB, 50mJ), a share of the reference
(5%), or "off". A limit that could never fail is refused. Profiles are checked like runs; their accuracy needs the match
file that profile --target/--base writes beside them.
"""

CHECK_EPILOG = exit_table(
    done="no regression",
    failed="a regression is proven",
    input="a usage error, or data that are missing or do not match (other device class, protocol or data set)",
    no_verdict="a measurement is invalid or inconclusive, or an estimate is beyond its limit but not proven to be",
)
CHECK_EPILOG += """\
  2 outranks 1, and 1 outranks 3.

latency:
  If both models are available, they are timed side by side in rounds of fresh processes, until every latency is proven
  to be within its limit or beyond it, or until --max-minutes have passed. The baseline's models are beside it (baseline
  update --with-models), the run's are in its artifacts; --models names another folder. Neither a quiet machine nor the
  baseline's machine is needed.
  If both runs have the same file and the same engine, latency is unchanged and nothing is timed.
  Otherwise the recorded latencies are compared. The variation between runs is estimated from the baseline's runs
  (baseline add). With fewer than 18 runs no increase can be proven: exit 3.
  --rerun "COMMAND" measures again with your own harness if a recorded latency is beyond its limit. A round starts
  COMMAND four times, in the order A B B A; COMMAND must write a results.json or a profile to {out}. {which} is
  "baseline" or "current", {onnx} the row's file, {row} its name. With {onnx} or {row} it runs once per row, else once
  for all. COMMAND must really measure: kept results of a study would only repeat themselves.

examples:
  bench-freeze check runs/new/results.json --baseline baseline.json --markdown check.md --junit check.xml
  bench-freeze check runs/new/results.json --baseline runs/old/results.json --max-map-drop 1% --max-class-drop 0.05
  bench-freeze check new.profile.json --baseline old.profile.json --max-latency-increase 10%
  bench-freeze check runs/new/results.json --baseline runs/old/results.json \\
      --rerun "bench-freeze profile {onnx} --images val --out {out}"
"""


def add_check(commands: Commands) -> None:
    """Add both commands to the parser."""
    from ..check.limits import FLAGS

    check = commands.add_parser(
        "check",
        help="compare a run with a baseline: exit 1 on a proven regression",
        description=CHECK_DESCRIPTION,
        epilog=CHECK_EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    check.add_argument("current", metavar="CURRENT", help="results.json or a profile of the run to check")
    check.add_argument("--baseline", required=True, metavar="FILE", help="a baseline, results.json or profile")
    for name, (_, default, help_text) in FLAGS.items():
        shown = "off" if default is None else default.replace("%", "%%")
        flag = "--" + name.replace("_", "-")
        check.add_argument(flag, dest=name, metavar="LIMIT", help=f"{help_text} (default: {shown})")
    check.add_argument("--config", metavar="TOML", help="file with limits by metric and by row; flags override it")
    check.add_argument("--ignore-unmatched", action="store_true", help="ignore rows that only one of the runs has")
    check.add_argument(
        "--models", action="append", metavar="DIR", help="folder with models of either run, matched by content"
    )
    check.add_argument("--images", metavar="DIR", help="images to time models on (default: generated patterns)")
    check.add_argument(
        "--max-minutes",
        type=float,
        default=10.0,
        metavar="M",
        help="time budget for latency; 0 times nothing (default: 10)",
    )
    check.add_argument(
        "--clock",
        choices=("cpu", "wall"),
        default="cpu",
        help="clock of side-by-side timing: processor time (for engines on the CPU) or wall time (default: cpu)",
    )
    check.add_argument("--rerun", metavar="COMMAND", help="time both models with your own command (see below)")
    check.add_argument("--threads", type=int, default=1, metavar="N", help="does not affect the numbers (default: 1)")
    check.add_argument("--all", action="store_true", help="also list every metric of every row that passed")
    check.add_argument("--junit", metavar="FILE", help="write JUnit XML")
    check.add_argument("--markdown", metavar="FILE", help="write Markdown; $GITHUB_STEP_SUMMARY gets it too")
    check.add_argument("--json", metavar="FILE", help="write json; - prints it instead of the table")
    check.set_defaults(call=_check)
    _add_baseline(commands)


def _add_baseline(commands: Commands) -> None:
    baseline = commands.add_parser("baseline", help="keep a run as the baseline of later checks", allow_abbrev=False)
    actions = baseline.add_subparsers(title="actions", metavar="ACTION", required=True)
    update = actions.add_parser(
        "update",
        help="write a baseline from a run, and record the reason",
        description="Write a baseline: plain json for git, with one compressed match file beside it. The reasons of "
        "earlier updates are kept.",
        epilog=exit_table(),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    update.add_argument("results", metavar="RESULTS", help="results.json or a profile of a finished run")
    update.add_argument("--to", required=True, metavar="BASELINE.json", help="the baseline to write")
    update.add_argument(
        "--reason", required=True, metavar="TEXT", help="the reason for the update, kept in the baseline"
    )
    update.add_argument(
        "--with-models", action="store_true", help="keep the run's models in BASELINE.models/, for side-by-side timing"
    )
    update.add_argument(
        "--models", action="append", metavar="DIR", help="folder of the models, if not in the run's artifacts"
    )
    update.set_defaults(call=_update)
    add = actions.add_parser(
        "add",
        help="add a run to a baseline, to estimate the variation between runs",
        description="Add the latencies of another run of the same rows to a baseline. A check of recorded latencies "
        "estimates the variation between runs from them; it needs 18 runs. Accuracy and models stay those of the last "
        "update.",
        epilog=exit_table(),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add.add_argument("results", metavar="RESULTS", help="results.json or a profile of a finished run")
    add.add_argument("--to", required=True, metavar="BASELINE.json", help="the baseline to add it to")
    add.set_defaults(call=_add)


def _check(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..check.flow import check
    from ..check.limits import FLAGS, make_rules
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
        source=_source(parsed),
        max_minutes=parsed.max_minutes,
        ignore_unmatched=parsed.ignore_unmatched,
        threads=parsed.threads,
        note=lambda text: say(text, error=True),
    )
    _write_files(outcome, parsed)
    _show(outcome, parsed.json == "-", parsed.all)
    return outcome.exit_code


def _source(parsed: argparse.Namespace) -> OpenSource | None:
    """How to time both runs' models, from the flags."""
    from ..check.rerun import CommandRounds, Rerun
    from ..interleaved.model_rounds import ModelRounds

    if not 0 <= parsed.max_minutes < float("inf"):
        raise InputError(f"--max-minutes {parsed.max_minutes:g}: give a number of minutes, 0 or more.")
    models = [Path(folder) for folder in parsed.models or ()]
    for folder in models:
        if not is_folder(folder):
            raise InputError(f"--models {folder}: the folder does not exist; give the folder with the models.")
    if parsed.rerun:
        rerun = Rerun(parsed.rerun)
        return lambda baseline, current: CommandRounds(rerun, baseline, current)
    if parsed.max_minutes == 0:
        return None
    return lambda baseline, current: ModelRounds(
        baseline, current, models=models, images=parsed.images, clock=parsed.clock
    )


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
    """The requested files, by the names of their flags."""
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
    from ..check.baseline import update_baseline

    models = [Path(folder) for folder in parsed.models or ()]
    kept = update_baseline(
        Path(parsed.results), Path(parsed.to), parsed.reason, _today(), with_models=parsed.with_models, models=models
    )
    facts = kept.snapshot.matches
    beside = "no match file: accuracy cannot be checked" if facts is None else f"{facts.file}, {facts.bytes} bytes"
    with_models = f", {len(kept.snapshot.models)} models" if kept.snapshot.models else ""
    say(
        f"{parsed.to}: {len(kept.snapshot.rows)} rows ({beside}{with_models}); update {len(kept.snapshot.history)}: "
        f"{parsed.reason.strip()}"
    )
    _say_not_valid(kept.not_valid, "kept, but no later run is compared with it")
    return 0


def _add(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..check.baseline import add_run

    kept = add_run(Path(parsed.results), Path(parsed.to), _today())
    say(f"{parsed.to}: {len(kept.snapshot.runs)} runs")
    _say_not_valid(kept.not_valid, "left out")
    return 0


def _say_not_valid(named: Sequence[str], what: str) -> None:
    for name in named:
        say(f"note: the latency of {name} is not VALID: {what}", error=True)


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.timezone.utc).date()
