"""The barriers of the kernels, by the source lines that call for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .parser import parse


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
