"""Ask the user a question on the terminal."""

from __future__ import annotations

import sys

from .terminal import line


def agreed(question: str) -> bool:
    """Ask a yes-or-no question on a terminal. Without a terminal, return False at once."""
    if sys.stdin is None or not sys.stdin.isatty() or not sys.stderr.isatty():
        return False
    print(f"{line(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
