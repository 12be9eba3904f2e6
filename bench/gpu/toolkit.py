"""Where the programs of the CUDA toolkit are."""

from __future__ import annotations

import shutil
from pathlib import Path

USUAL = Path("/usr/local/cuda")


def roots() -> list[Path]:
    """Folders that may be the toolkit's own: nvcc on PATH may be a script that stands elsewhere."""
    nvcc = shutil.which("nvcc")
    return [*([Path(nvcc).resolve().parents[1]] if nvcc else []), USUAL]


def tool(name: str) -> str:
    """The path of a program: on PATH or in the toolkit; its name where it is in neither."""
    found = (root / "bin" / name for root in roots())
    return shutil.which(name) or next((str(path) for path in found if path.exists()), name)


def path_with_toolkit(path: str) -> str:
    """PATH with the toolkit first: PyCUDA looks for cuda.h beside the first nvcc that it finds."""
    root = next((root for root in roots() if (root / "include/cuda.h").exists()), None)
    return path if root is None else f"{root / 'bin'}:{path}"
