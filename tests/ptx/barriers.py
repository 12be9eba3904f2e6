"""The barriers of the kernels, by the source lines that call for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .parser import parse

SOURCES = Path(__file__).parents[2] / "csrc"


def barrier_sites(ptx: Iterable[Path]) -> list[str]:
    """core/match.h:179 ..., each once, in order."""
    found = {
        statement.source
        for file in ptx
        for kernel in parse(file.read_text())
        for statement in kernel.statements
        if statement.opcode in ("bar", "barrier")
    }
    return sorted(found, key=lambda site: (site.partition(":")[0], int(site.rpartition(":")[2])))


def barrier_site(file: str, number: int) -> str:
    """The site of one barrier of a file below csrc, counted from 0: line numbers change with every edit."""
    lines = (SOURCES / file).read_text().splitlines()
    return f"{file}:{[at for at, line in enumerate(lines, 1) if 'sync();' in line][number]}"
