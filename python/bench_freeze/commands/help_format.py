"""Help formatting: texts with their own line breaks keep them, others are wrapped."""

from __future__ import annotations

import argparse
from typing import Any, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[Any]"  # the object that each command adds itself to


class HelpFormatter(argparse.HelpFormatter):
    """Wraps descriptions of one line; keeps examples and tables as written."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" not in text:
            return super()._fill_text(text, width, indent)
        return "".join(indent + line for line in text.splitlines(keepends=True))
