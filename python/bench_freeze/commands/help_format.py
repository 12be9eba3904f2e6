"""How help is set: what has lines of its own keeps them, the rest is wrapped."""

from __future__ import annotations

import argparse
from typing import Any, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[Any]"  # what a command adds itself to


class HelpFormatter(argparse.HelpFormatter):
    """Descriptions of one line are wrapped to the terminal; examples and tables stay as they are written."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" not in text:
            return super()._fill_text(text, width, indent)
        return "".join(indent + line for line in text.splitlines(keepends=True))
