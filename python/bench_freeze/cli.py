"""The command line: the parser of all commands, and the guard around them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from . import __version__
from .commands.check import add_check
from .commands.clean import add_clean
from .commands.data import add_data
from .commands.diff import add_diff
from .commands.doctor import add_doctor
from .commands.eval import add_eval
from .commands.export import add_export
from .commands.history import add_history
from .commands.predict import add_predict
from .commands.profile import add_profile
from .commands.report import add_report
from .commands.run import add_run
from .commands.ship import add_ship
from .guard import guarded
from .text.terminal import guarded_streams
from .text.visible import visible

COMMANDS = (
    "run",
    "ship",
    "predict",
    "export",
    "diff",
    "profile",
    "report",
    "check",
    "baseline",
    "history",
    "eval",
    "data",
    "clean",
    "doctor",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; the value is the exit status. Whatever happens is answered by the guard."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: call(arguments), arguments, ends_process=argv is None)


def call(arguments: Sequence[str]) -> int:
    """The same, with every error as it was raised."""
    arguments = list(arguments)
    if not arguments or (arguments[0] not in COMMANDS and arguments[0] not in ("-h", "--help", "--version")):
        arguments.insert(0, "run")
    with guarded_streams():
        return _call(arguments)


def _call(arguments: list[str]) -> int:
    parsed = _parser().parse_args(arguments)
    return int(parsed.call(parsed, ["bench-freeze", *arguments]))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """What was given may be anything; it is said in one line."""
        super().error(visible(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="bench-freeze",
        description="How deep to unfreeze a detector, what the original task loses, what the deployed model costs.",
    )
    parser.add_argument("--version", action="version", version=f"bench-freeze {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_run(commands)
    add_ship(commands)
    add_predict(commands)
    add_export(commands)
    add_diff(commands)
    add_profile(commands)
    add_report(commands)
    add_eval(commands)
    add_data(commands)
    add_check(commands)
    add_history(commands)
    add_clean(commands)
    add_doctor(commands)
    return parser
