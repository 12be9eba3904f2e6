"""Text in CSV files: a spreadsheet runs a cell that begins like a formula."""

from __future__ import annotations

import re

from .log import inert
from .visible import visible

# Some programs skip leading blanks, and some accept the full-width forms of these signs.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def csv_cell(text: str) -> str:
    """A complete name as a cell, after an apostrophe if it would be a formula. Only for text, not for numbers."""
    text = inert(visible(text))  # a CI job may print the file
    return f"'{text}" if _FORMULA.match(text) else text
