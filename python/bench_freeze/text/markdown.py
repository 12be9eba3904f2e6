"""Text in Markdown, CommonMark's and GitHub's: it is rendered as it was written, and nothing of it is markup."""

from __future__ import annotations

import re

from .visible import CELL, LINE, shortened, visible

_ENTITIES = str.maketrans({"<": "&lt;", ">": "&gt;"})
_MARKS = re.compile(r"[\\`*_#\[\]|~&$]")
_BLOCK = re.compile(r"[+\-=]|\d+[.)](?=\s|$)")  # what makes a heading, a list, a rule of a line that begins with it
_ADDRESS = re.compile(r"://|\bwww\.", re.IGNORECASE)  # GitHub makes links of bare addresses


def markdown(text: str) -> str:
    """Text for one paragraph, heading, item or cell. To be applied once: what it gives is Markdown, not text."""
    text = shortened(visible(text), LINE).strip()
    begins = _BLOCK.match(text)
    marked = _ADDRESS.sub(_broken, _MARKS.sub(r"\\\g<0>", text))
    if begins:
        last = begins.end() - 1  # the digits of a list stay: a backslash before them would be seen
        marked = f"{marked[:last]}\\{marked[last:]}"
    return marked.translate(_ENTITIES)


def markdown_cell(text: str) -> str:
    """A name in a table of Markdown: a long one is shortened, as in every table."""
    return markdown(shortened(visible(text), CELL))


def _broken(match: re.Match[str]) -> str:
    return r"\:\//" if match[0] == "://" else f"{match[0][:-1]}\\."
