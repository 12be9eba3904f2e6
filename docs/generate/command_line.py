"""The page of the command line, from the parsers themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from bench_freeze.cli import _parser

from .markdown import code, prose, table


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command by its full name, `baseline update` among them, in the order of the help."""
    yield from _below("", _parser())


def _below(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    commands = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not commands:
        yield name, parser
    for action in commands:
        for word, inner in action.choices.items():
            yield from _below(f"{name} {word}".strip(), inner)


def command_line() -> str:
    """A section for each command: what it does, its arguments by group, and the end of its help as it is printed."""
    return "\n".join(_section(name, parser) for name, parser in parsers())


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    parts = [f"(command-{name.replace(' ', '-')})=", f"## bench-freeze {name}", prose(parser.description or "")]
    for group in parser._action_groups:
        shown = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
        rows = [(_name(action), _help(parser, action)) for action in shown]
        if rows:
            parts.append(table([(group.title or "").capitalize(), "Meaning"], rows))
    if parser.epilog:
        parts.append(code(parser.epilog))
    return "\n\n".join(parts) + "\n"


def _name(action: argparse.Action) -> str:
    value = action.metavar or ("{" + ",".join(map(str, action.choices)) + "}" if action.choices else None)
    shown = value if isinstance(value, str) else None
    if not action.option_strings:
        return f"`{shown or action.dest}`"
    takes_value = action.nargs != 0
    names = [f"{name} {shown or action.dest.upper()}" if takes_value else name for name in action.option_strings]
    return "<br>".join(f"`{name}`" for name in names)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return prose(parser._get_formatter()._expand_help(action))
