"""Where the programs of the CUDA toolkit are."""

from __future__ import annotations

import shutil
from pathlib import Path

USUAL = Path("/usr/local/cuda/bin")


def tool(name: str) -> str:
    """The path of a program: on PATH, beside nvcc, or in the usual folder; its name where it is in none of them."""
    nvcc = shutil.which("nvcc")
    folders = [Path(nvcc).resolve().parent] if nvcc else []
    beside = (folder / name for folder in [*folders, USUAL])
    return shutil.which(name) or next((str(path) for path in beside if path.exists()), name)
