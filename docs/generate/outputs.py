"""What commands print, run when the pages are built."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .markdown import code

ROOT = Path(__file__).parents[2]


def report_output() -> str:
    """The terminal's form of the report of five depths."""
    return _printed("report", "bench/results/fruit9_depths_seeds_320.json")


def _printed(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bench_freeze", *words],
        cwd=ROOT, env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return code(done.stdout)
