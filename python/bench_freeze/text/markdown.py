"""Escape text for Markdown (CommonMark and GitHub's), so that it is rendered literally and nothing in it is markup."""

from __future__ import annotations

import re

from .visible import CELL, LINE, shortened, visible

_ENTITIES = str.maketrans({"<": "&lt;", ">": "&gt;"})
_MARKS = re.compile(r"[\\`*_#\[\]|~&$]")
_BLOCK = re.compile(r"[+\-=]|\d+[.)](?=\s|$)")  # at its beginning, makes a line a heading, a list or a rule
_ADDRESS = re.compile(r"://|\bwww\.", re.IGNORECASE)  # GitHub makes links of bare addresses


def markdown(text: str) -> str:
    """Text for one paragraph, heading, item or cell. Apply it only once: the result is Markdown, not text."""
    text = shortened(visible(text), LINE).strip()
    begins = _BLOCK.match(text)
    marked = _ADDRESS.sub(_broken, _MARKS.sub(r"\\\g<0>", text))
    if begins:
        last = begins.end() - 1  # escape the sign after the digits of a list; a backslash before digits would be shown
        marked = f"{marked[:last]}\\{marked[last:]}"
    return marked.translate(_ENTITIES)


def markdown_cell(text: str) -> str:
    """A name in a Markdown table; long names are shortened, as in every table."""
    return markdown(shortened(visible(text), CELL))


def _broken(match: re.Match[str]) -> str:
    return r"\:\//" if match[0] == "://" else f"{match[0][:-1]}\\."
