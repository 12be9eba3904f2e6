"""The command line: the parser of all commands, and the guard around them."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from . import __version__
from .commands.help_format import Commands
from .config.aliases import COMMAND_WORDS, other_words
from .dualhead.quiet import quiet_ultralytics
from .errors import InputError
from .guard import guarded
from .text.suggest import hint
from .text.terminal import guarded_streams
from .text.visible import visible

COMMANDS = (
    "run",
    "ship",
    "predict",
    "init",
    "export",
    "diff",
    "profile",
    "transfer",
    "report",
    "eval",
    "data",
    "check",
    "baseline",
    "history",
    "clean",
    "doctor",
)
ASKED = "_ARGCOMPLETE"  # set by argcomplete's shell hook; argcomplete is not loaded without it
_ADDED_BY = {"baseline": "check"}  # every other command is added by the module of its own name
_LONG_FLAG = re.compile("--|-[A-Za-z][A-Za-z-]")  # one dash before a word is a typo, before a number it is a minus


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status. The guard handles every error."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: call(arguments), arguments, ends_process=argv is None)


def call(arguments: Sequence[str]) -> int:
    """Run a command line without the guard: errors propagate."""
    if ASKED in os.environ:
        from .commands.completion import complete

        complete(_parser())
    quiet_ultralytics()
    with guarded_streams():
        parsed = parsed_line(arguments)
        return int(parsed.values.call(parsed.values, ["bench-freeze", *parsed.words]))


def _refuse_command(word: str) -> None:
    """Raise InputError if the first word is neither a command nor a valid argument of `run`."""
    if word.startswith("-") or "=" in word or word.endswith(".toml") or Path(word).suffix or os.path.exists(word):  # noqa: PTH110 - it may be no path
        return
    raise InputError(
        f"'{word[:100]}' is not a command; {hint(word, COMMANDS, what='commands are', others=COMMAND_WORDS)}"
    )


class ParsedLine(NamedTuple):
    """A parsed command line: its values, and its words as results record them."""

    values: argparse.Namespace
    words: list[str]


def parsed_line(arguments: Sequence[str]) -> ParsedLine:
    """Parse a command line; nothing runs yet. Raises InputError, or exits as argparse does."""
    words = list(arguments)
    if not words or (words[0] not in COMMANDS and words[0] not in ("-h", "--help", "--version")):
        if words:
            _refuse_command(words[0])
        words.insert(0, "run")
    if words[0] in ("run", "init"):
        from .commands.run import plain_words

        words = [words[0], *plain_words(words[1:])]
    parser = _parser(words[0] if words[0] in COMMANDS else None)
    _refuse_flags(parser, words)
    return ParsedLine(parser.parse_args(words), words)


def _refuse_flags(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Raise InputError for the first unknown flag, before argparse reports missing arguments."""
    command: list[str] = []
    for word in arguments:
        actions = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        if actions and word in actions[0].choices:
            parser = actions[0].choices[word]
            command.append(word)
            continue
        flag = word.partition("=")[0]
        if word == "--":
            return
        if not _LONG_FLAG.match(flag) or flag in parser._option_string_actions:
            continue
        known = [
            name
            for name, action in parser._option_string_actions.items()
            if name.startswith("--") and action.help != argparse.SUPPRESS
        ]
        name = " ".join(command)
        where = f"`bench-freeze {name} {'--help-all' if name == 'run' else '--help'}`".replace("  ", " ")
        raise InputError(
            f"{flag[:100]} is not a flag of {name or 'bench-freeze'}; "
            f"{hint(flag, known, what='its flags are', all_in=f'{where} lists all')}"
        )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Report an error in one line, without the list of all flags."""
        text = message.removesuffix(".")
        if text.startswith("unrecognized arguments: "):
            text = f"'{text.partition(': ')[2]}' is not expected here"
        self.exit(InputError.exit_code, visible(f"bench-freeze: {text}; {self.prog} --help shows how.") + "\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """For an unknown value, suggest the nearest choice."""
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        name = "/".join(action.option_strings) or action.metavar or action.dest
        advice = hint(str(value), choices, what="choices are", others=other_words(choices))
        raise InputError(f"{name} {str(value)[:100]} is not known; {advice}")


def _parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of all commands, or of one: loading and building all takes longer than many commands run."""
    parser = _Parser(
        prog="bench-freeze",
        description="How deep to unfreeze a detector, what the original task loses, and what the deployed model costs.",
    )
    parser.add_argument("--version", action="version", version=f"bench-freeze {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in dict.fromkeys(_ADDED_BY.get(word, word) for word in (COMMANDS if command is None else (command,))):
        add: Callable[[Commands], None] = getattr(import_module(f".commands.{name}", __package__), f"add_{name}")
        add(commands)
    return parser
