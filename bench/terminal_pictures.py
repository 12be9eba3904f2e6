"""The terminal in README and documentation: the end of a real study as SVG.

python bench/terminal_pictures.py [--out docs/pictures]

Rich draws the terminal output of `bench-freeze report` for the committed study of five depths.
"""

from __future__ import annotations

import argparse
import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "bench" / "results" / "fruit9_depths_seeds_320.json"
MOST_BYTES = 500_000
COLUMNS, ROWS = 80, 40


def main() -> int:
    """Draw the picture; returns 1 if it is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    path = parser.parse_args().out / "terminal.svg"
    path.write_text(as_svg(on_terminal(["bench-freeze", "report", str(STUDY)])))
    print(f"{path}  {path.stat().st_size / 1000:.0f} kB")
    return int(path.stat().st_size > MOST_BYTES)


def on_terminal(command: list[str]) -> str:
    """Output of a command on a terminal of COLUMNS, with escape sequences; raises if it fails."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "LINES": str(ROWS), "TERM": "xterm-256color"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        written = bytearray()
        while chunk := _read(ours):
            written += chunk
    os.close(ours)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, written.decode())
    return written.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: the other end is closed
        return b""


def as_svg(output: str, title: str = "bench-freeze") -> str:
    """Terminal output as an SVG of a window that loads no font."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(output))
    drawing = console.export_svg(title=title, theme=MONOKAI, unique_id="terminal")
    return re.sub(r"\s*@font-face \{.*?\}", "", drawing, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())
