"""The GPU's letterbox on the CPU: the same template, run by host doubles, equals the CPU's kernel on odd sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .conftest import ROOT, run


def test_every_double_equals_the_cpu_letterbox(compiled: Callable[..., Path]) -> None:
    flags = ("-fsanitize=address,undefined", "-fno-sanitize-recover")
    done = run(compiled("letterbox.cpp", *flags, ROOT / "csrc/cpu/letterbox.cpp"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "equal\n"
