"""Break a line between words, so that a terminal does not break it within one."""

from __future__ import annotations

import os
import re
from typing import TextIO

INDENT = "  "  # of every row after the first
NARROWEST = 20  # on narrower terminals, the terminal's own wrapping is as good


def fitted(text: str, width: int) -> list[str]:
    """Break a line into rows of at most `width` cells.

    Blanks within a row stay. A word that is wider than a row, such as a path, stays whole, so that it can be copied.
    """
    from rich.cells import cell_len

    rows, used = [""], 0
    for word in re.findall(r"\s*\S+", text):
        if used and used + cell_len(word) > width:
            word = INDENT + word.lstrip()
            rows.append("")
            used = 0
        rows[-1] += word
        used += cell_len(word)
    return rows


def terminal_width(stream: TextIO) -> int | None:
    """The width of the terminal that a stream writes to, in cells; None for anything else. COLUMNS overrides it."""
    try:
        if not stream.isatty():
            return None
        stated = os.environ.get("COLUMNS", "")
        width = int(stated) if stated.isdecimal() else os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError, AttributeError):  # a closed stream, or the replacement of a notebook or a test
        return None
    return width if width >= NARROWEST else None
