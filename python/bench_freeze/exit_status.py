"""The exit statuses of every command, in one table."""

from __future__ import annotations

import textwrap
from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit status of a command. 1 is reserved for proven findings, never for a failure to run."""

    DONE = 0
    FAILED = 1
    INPUT = 2
    NO_VERDICT = 3
    INTERNAL = 70  # EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130  # 128 + SIGINT, as a shell says it


MEANINGS = {
    ExitStatus.DONE: "done",
    ExitStatus.FAILED: "a result failed its audit: it is proven to be wrong",
    ExitStatus.INPUT: "wrong usage or input, or something missing; the message says what to fix",
    ExitStatus.NO_VERDICT: "a measurement broke off or is inconclusive",
    ExitStatus.INTERNAL: "a bug in bench-freeze; the path of a report to send is printed",
    ExitStatus.INTERRUPTED: "interrupted (Ctrl-C); finished work is kept, the same command continues",
}


def exit_table(**meanings: str) -> str:
    """The statuses for a command's help. `meanings` has a command's own words, by name: `failed="..."`."""
    words = MEANINGS | {ExitStatus[name.upper()]: text for name, text in meanings.items()}
    lines = ["exit status:"]
    for status, text in words.items():
        first, *rest = textwrap.wrap(text, 110)
        lines += [f"  {status.value:<3}  {first}", *(" " * 7 + line for line in rest)]
    return "\n".join(lines) + "\n"
