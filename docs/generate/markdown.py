"""Markdown that the generated parts share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_FLAG = re.compile(r"(?<![\w`-])(--[a-z][a-z0-9-]*)")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    """A table; with `numbers` all columns but the first stand to the right."""
    dashes = ["---"] + ["---:" if numbers else "---"] * (len(headings) - 1)
    return "\n".join("| " + " | ".join(_cell(text) for text in row) + " |" for row in [headings, dashes, *rows]) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str, language: str = "text") -> str:
    """A fenced block of code or output."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def prose(text: str) -> str:
    """Plain text of help as Markdown: flags as code, and what Markdown or MyST would read as markup escaped."""
    return "".join(f"`{part}`" if _FLAG.fullmatch(part) else _escaped(part) for part in _FLAG.split(text))


def _escaped(text: str) -> str:
    for character in "\\*_<>{}$":
        text = text.replace(character, "\\" + character)
    return text
