"""The page of exit statuses: the common table, and what single commands mean by them."""

from __future__ import annotations

import re

from bench_freeze.exit_status import MEANINGS

from .command_line import parsers
from .markdown import prose, table

_LINE = re.compile(r"^  (\d+)\s+(\S.*)$", re.MULTILINE)


def exit_statuses() -> str:
    """Two tables: the statuses of every command, and the words of commands that differ."""
    common = {str(status.value): words for status, words in MEANINGS.items()}
    own = [
        (f"`{name}`", status, prose(words))
        for name, parser in parsers()
        for status, words in _LINE.findall((parser.epilog or "").partition("exit status:")[2])
        if not common.get(status, "").startswith(words)
    ]
    return "\n".join(
        [
            table(["Status", "Meaning"], [(status, prose(words)) for status, words in common.items()]),
            "## What single commands mean by them\n",
            table(["Command", "Status", "Meaning"], own),
        ]
    )
