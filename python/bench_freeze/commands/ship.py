"""The command `bench-freeze ship`."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path

from ..errors import InputError
from ..exit_status import exit_table
from ..text.terminal import say
from .help_format import Commands, HelpFormatter

EPILOG = """\
examples:
  bench-freeze ship runs/demo                                 the recommended model, into runs/demo/best
  bench-freeze ship runs/demo --row "branched 10" --to fruit  another row, into your own folder

"""
EPILOG += exit_table()


def add_ship(commands: Commands) -> None:
    """Add the command to the parser."""
    ship = commands.add_parser(
        "ship",
        help="write a model as a self-contained folder: files, thresholds, README with a runnable snippet",
        description="Write a folder with the model of one row of a finished study: model.onnx (or the plan with its "
        "ONNX), the tuned checkpoint as an Ultralytics .pt, model.json with heads, preprocessing, thresholds of best "
        "F1 for each class, hashes and numbers, and a README with a runnable snippet. Every run writes OUT/best for "
        "its recommended model.",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    ship.add_argument("out", metavar="OUT", help="the output folder of `bench-freeze run`")
    ship.add_argument("--row", metavar="NAME", help="the row, by its name in the report (default: the recommended one)")
    ship.add_argument(
        "--to",
        metavar="DIR",
        help="folder to write, which must not exist yet (default: OUT/best for the recommended row, else "
        "OUT/shipped/NAME)",
    )
    ship.set_defaults(call=_ship)


def _ship(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..output import held
    from ..report.documents import RESULTS, read_document
    from ..results.identity import key_of
    from ..results.schema import Results
    from ..results.shipped import BEST
    from ..shipping.choose import picked_row, row_called
    from ..shipping.ship import ship
    from ..study.saved_detections import row_slug
    from ..user_files import is_folder

    out = Path(parsed.out)
    if not is_folder(out) or not (out / RESULTS).is_file():
        raise InputError(
            f"{out} is not an output folder of `bench-freeze run`: it has no {RESULTS}; give the folder of a finished "
            "run."
        )
    results = read_document(out / RESULTS)
    if not isinstance(results, Results):
        raise InputError(f"{out / RESULTS} is a profile, not the results of a run; give the output folder of a run.")
    if not results.finished:
        raise InputError(f"{out}: its run did not finish; repeat its command, which keeps finished work.")
    chosen = picked_row(results) if parsed.row is None else row_called(parsed.row, results, str(out))
    if chosen is None:
        raise InputError(f"{out} recommends no model; name one with --row.")
    if parsed.to is not None:
        to = Path(parsed.to)
    else:
        to = out / BEST if parsed.row is None else out / "shipped" / row_slug(key_of(chosen.row))
    # Writing into the study's own folder needs its lock, since a run may be writing there.
    with held(out) if parsed.to is None else nullcontext():
        ship(out, results, chosen, to, replace=parsed.to is None)
    say(f"{to}")
    return 0
