"""The page of study.toml, from the one spec of a study."""

from __future__ import annotations

from bench_freeze.config.study import CHOICES, GROUPS, Option, fields
from bench_freeze.results.inputs import _words

from .markdown import prose, table

KINDS = {"int": "whole number", "float": "number", "str": "text", "bool": "true or false", "dict": "table"}


def study_file() -> str:
    """A table of keys for each group of options."""
    parts = []
    for group in GROUPS:
        rows = [_row(option) for option in fields() if option.metadata["group"] == group]
        parts += [f"## {group.capitalize()}", table(["Key", "Value", "Default", "Meaning"], rows)]
    return "\n\n".join(parts)


def _row(option: Option) -> tuple[str, str, str, str]:
    default = option.default
    shown = "" if default is None or default == () or not isinstance(default, str | int | float | tuple) else default
    words = "" if shown == "" else f"`{_words(shown)}`"
    return f"`{option.name}`", _kind(option), words, prose(option.metadata["help"])


def _kind(option: Option) -> str:
    text = str(option.type)
    is_list = text.startswith("tuple")
    if choices := CHOICES.get(option.name):
        return ("list of " if is_list else "") + ", ".join(f"`{word}`" for word in choices)
    inner = text.removeprefix("tuple[")
    kind = next((words for name, words in KINDS.items() if inner.startswith(name)), "text")
    return f"list of {kind}s" if is_list and kind != "text" else "list of texts" if is_list else kind
