"""A question to whoever sits at the terminal."""

from __future__ import annotations

import sys

from .terminal import line


def agreed(question: str) -> bool:
    """Ask a yes-or-no question on a terminal; where there is none nobody agrees, and nothing waits."""
    if sys.stdin is None or not sys.stdin.isatty() or not sys.stderr.isatty():
        return False
    print(f"{line(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
