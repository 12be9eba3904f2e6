"""The longest silences of a command on a terminal: how long its screen stood still, and after which output.

    python bench/silences.py bench-freeze --out runs/silent

The command runs in a pseudo-terminal of 100 columns, and the time of every output is recorded. `--log FILE` keeps the
output.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

COLUMNS, ROWS = 100, 30
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Silence:
    """A silence: its length in seconds, its start `at_s` seconds after the launch, and the last words before it."""

    seconds: float
    at_s: float
    after: str


def silences(command: list[str], log: Path | None) -> tuple[list[Silence], float, int]:
    """Run a command; its silences in order, the seconds that it took, and its exit status."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
        os.execvp(command[0], command)
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    began = last = time.monotonic()
    found: list[Silence] = []
    shown, written = "", [b""]
    while True:
        select.select([terminal], [], [])
        try:
            part = os.read(terminal, 1 << 16)
        except OSError:  # the other end is closed
            part = b""
        now = time.monotonic()
        found.append(Silence(now - last, last - began, shown))
        if not part:
            break
        last = now
        written.append(part)
        lines = _CONTROL.sub("", part.decode(errors="replace")).replace("\r", "\n").split("\n")
        shown = next((text.strip() for text in reversed(lines) if text.strip()), shown)
    if log is not None:
        log.write_bytes(b"".join(written))
    _, status = os.waitpid(child, 0)
    return found, time.monotonic() - began, os.waitstatus_to_exitcode(status)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--log", type=Path, metavar="FILE", help="keep the output in this file")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    parsed = parser.parse_args()
    found, seconds, status = silences(parsed.command, parsed.log)
    print(f"{seconds:.0f} s, exit status {status}; silences of more than 2 s: {sum(s.seconds > 2 for s in found)}")
    for silence in sorted(found, key=lambda s: -s.seconds)[:12]:
        print(f"{silence.seconds:6.1f} s  at {silence.at_s:6.1f} s  {silence.after[:80]}")
    return status


if __name__ == "__main__":
    sys.exit(main())
