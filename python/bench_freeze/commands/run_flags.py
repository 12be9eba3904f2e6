"""The flags of `bench-freeze run`, generated from the options of a study, and their values."""

from __future__ import annotations

import argparse
from collections.abc import Collection

from ..config.aliases import ALIASES, BATCH, PLACE, spelled
from ..config.study import CHOICES, Option, fields
from ..errors import InputError
from .completion import completed


def add_study_flags(
    parser: argparse.ArgumentParser, shown: Collection[str] | None = None
) -> dict[str, argparse._ArgumentGroup]:
    """Add a flag for every option, in groups; returns the groups by name. With `shown`, only those options have
    help."""
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in fields():
        name = option.metadata["group"]
        if name not in groups:
            groups[name] = parser.add_argument_group(name)
        _add(groups[name], option, is_shown=shown is None or option.name in shown)
    for word, meaning in PLACE.items():
        groups["output"].add_argument(
            f"--{word}", metavar="NAME", help=_help(f"{meaning}; OUT is project/name", shown is None)
        )
    return groups


def _help(text: str, is_shown: bool) -> str:
    return text if is_shown else argparse.SUPPRESS


def _add(group: argparse._ArgumentGroup, option: Option, *, is_shown: bool) -> None:
    help_text, metavar = option.metadata["help"], option.metadata["metavar"]
    others = [f"--{alias.word.replace('_', '-')}" for alias in ALIASES if alias.option == option.name]
    if option.name == BATCH:
        others = []  # the flag is the alias itself; the old name keeps a separate value, so that both can be recognized
        group.add_argument(f"--{BATCH}", dest=BATCH, metavar="N", help=argparse.SUPPRESS, default=None)
        help_text += f"; --{BATCH}, the earlier name, is still accepted, with a note"
    flag, dest = "--" + spelled(_key(option)), _key(option)
    if option.name == "train_args":
        group.add_argument(flag, action="append", metavar=metavar, help=_help(help_text, is_shown), default=None)
    elif option.type == "bool":
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=_help(help_text, is_shown))
    else:
        default = option.default
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
        suffix = "" if default in (None, ()) else f" (default: {shown})"
        help_text = _help(help_text + suffix, is_shown)
        added = group.add_argument(
            flag, *others, dest=dest, metavar=metavar or _metavar(option), help=help_text, default=None
        )
        if words := CHOICES.get(option.name):
            completed(added, words)


def _key(option: Option) -> str:
    """The name of an option on the command line: its own, except for one that has another meaning in Ultralytics."""
    return "engine_batch" if option.name == BATCH else option.name


def _metavar(option: Option) -> str:
    kind = str(option.type)
    return "N" if kind.startswith("int") else "X" if kind.startswith("float") else "NAME"


def study_values(parsed: argparse.Namespace) -> dict[str, object]:
    """The given flags, as the plain values that a study file would hold."""
    values: dict[str, object] = {}
    for option in fields():
        for key in (_key(option), *([BATCH] if option.name == BATCH else [])):
            if (given := getattr(parsed, key)) is not None:
                values[key] = _value(option, given)
    return values | {word: getattr(parsed, word) for word in PLACE if getattr(parsed, word) is not None}


def _value(option: Option, given: object) -> object:
    kind = str(option.type)
    if option.name == "train_args" and isinstance(given, list):
        return dict(_key_value(text) for text in given)
    if not isinstance(given, str):
        return given
    if kind.startswith("tuple"):
        items = [item.strip() for item in given.split(",") if item.strip()]
        return [_number(i) for i in items] if "int" in kind or "float" in kind else items
    return _number(given) if kind.startswith(("int", "float")) else given


def _number(text: str) -> int | float | str:
    """The text as an int or float if it is one, else unchanged; the study's validation reports it."""
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _key_value(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InputError(f"--train-args {text}: give KEY=VALUE, for example --train-args mosaic=0.5.")
    words = {"true": True, "false": False, "none": None}
    return key, words.get(value.lower(), _number(value))
