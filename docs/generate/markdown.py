"""Markdown that the generated parts share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


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
    """Plain text of help as Markdown: what Markdown or MyST would read as markup is escaped."""
    for character in "\\*_<>{}$":
        text = text.replace(character, "\\" + character)
    return text
