"""The command `bench-freeze run`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.given import Layer
from ..config.study import Study
from ..exit_status import exit_table
from ..text.json_text import encoded, print_json
from ..text.terminal import say
from .completion import study_words
from .first_help import USAGE, FirstHelp
from .help_format import Commands, HelpFormatter
from .report import show
from .run_flags import add_study_flags, study_values
from .run_words import WHERE, run_words

if TYPE_CHECKING:
    from ..config.study import Study

EPILOG = """\
Without --weights, --target and --base the embedded study runs, on a small generated problem. `run` may be
left out: `bench-freeze` alone, or with flags only, is `bench-freeze run`.

examples:
  bench-freeze --out runs/demo
  bench-freeze --weights yolov8n.pt --target fruit.yaml --base instances_val2017.json --freeze 22,15,10 --epochs 10
  bench-freeze run study.toml --engine ort,torch
  bench-freeze run model=yolo11n.pt data=fruit.yaml epochs=50 imgsz=640 freeze=10

A study file uses the names of the flags, with underscores: train_batch = 16, freeze = [22, 15, 10]. Flags override the
file, and other flags override a preset. Ultralytics' option names work as flags, as key=value and in the file.

Loading a checkpoint can run any program. So a checkpoint that needs more than Ultralytics' own classes is rejected, and
the names are shown, unless --trust-checkpoint is given.

"""
EPILOG += exit_table()


def add_run(commands: Commands) -> None:
    """Add the command to the parser."""
    run = commands.add_parser(
        "run",
        usage=USAGE,
        help="fine-tune, build dual-head models, export, score and time them (the default command)",
        description="Fine-tune at every freeze depth, build dual-head models, export them, and measure accuracy on "
        "both data sets and latency from the same file. Writes OUT/results.json, OUT/report.html, OUT/best (the "
        "recommended model) and OUT/artifacts.",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    run.add_argument("-h", "--help", action=FirstHelp, help="show the flags of a first study and exit")
    run.add_argument("--help-all", action="help", help="show all flags, by group, and exit")
    study = run.add_argument("study", nargs="?", metavar="STUDY.toml", help="a study file; flags override it")
    study.completer = study_words  # for a shell that completes
    groups = add_study_flags(run)
    groups["output"].add_argument(
        "--json", action="store_true", help="print results.json on standard output, without table and progress bars"
    )
    groups["output"].add_argument(
        "--verbose",
        action="store_true",
        help="show every row, column and conclusion at the end, not only the main ones",
    )
    groups["output"].add_argument(
        "--plan",
        action="store_true",
        help="run nothing; show the steps, those already done, the time estimated from a few real batches, disk space "
        "and downloads",
    )
    run.set_defaults(call=_run)


def plain_words(typed: Sequence[str]) -> list[str]:
    """The command's words as flags, with a note where another meaning was possible."""
    words, notes = run_words(typed)
    for note in notes:
        say(f"note: {note}", error=True)
    return list(words)


def _run(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..console import Console
    from ..study.assembled import assembled, preset_note, toml_layer

    from_file = [toml_layer(Path(parsed.study))] if parsed.study else []
    study, notes = assembled([*from_file, Layer(WHERE, study_values(parsed), flags=True)], parsed.study or WHERE)
    for note in (*notes, *preset_note(study)):
        say(f"note: {note}", error=True)
    if parsed.plan:
        return _plan(study, as_json=parsed.json)
    console = Console(plain=parsed.json)
    with console.running():
        from ..flow import RESULTS, run
        from ..gallery.write import REPORT
        from ..report.assemble import view_of
        from ..results.schema import encode
        from ..results.sealing import seal

        results = run(study, console, command)
    if parsed.json:
        print_json(seal(encode(results)))
        return 0
    show(view_of({study.out_folder.resolve().name: results}), verbose=parsed.verbose)
    if results.best is not None:
        say(f"{study.out_folder / results.best}")
    say(f"{study.out_folder / RESULTS}")
    say(f"{study.out_folder / REPORT}")
    return 0


def _plan(study: Study, *, as_json: bool) -> int:
    from ..console import Console
    from ..planning import plan_lines, plan_run

    planned = plan_run(study, Console(plain=as_json))
    if as_json:
        print_json(encoded(planned))
    else:
        for text in plan_lines(planned):
            say(text)
    return 0
