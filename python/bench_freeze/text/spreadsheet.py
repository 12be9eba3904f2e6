"""Text in CSV files: a spreadsheet runs a cell that begins like a formula."""

from __future__ import annotations

import re

from .log import inert
from .visible import visible

# Some programs skip blanks, and some take the wide forms of these signs for the signs.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def csv_cell(text: str) -> str:
    """A name as a cell: whole, with an apostrophe before it where it would be a formula. Numbers need none of this."""
    text = inert(visible(text))  # a job of CI may print the file
    return f"'{text}" if _FORMULA.match(text) else text
