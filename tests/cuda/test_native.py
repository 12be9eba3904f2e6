"""The kernels on a GPU without Python or a framework in between; see equality.cu."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.csrc.conftest import CPU_SOURCES, INCLUDES, ROOT, run

from .conftest import skip_or_fail

pytestmark = pytest.mark.cuda


def test_equals_the_cpu_back_end(tmp_path: Path) -> None:
    if shutil.which("nvcc") is None:
        skip_or_fail("nvcc is not on PATH")
    program = tmp_path / "equality"
    flags = ["-std=c++17", "-O2", "--fmad=false", "-Xcompiler=-ffp-contract=off", "-arch=native"]
    sources = [ROOT / "tests/cuda/equality.cu", *sorted(ROOT.glob("csrc/cuda/*.cu")), *CPU_SOURCES]
    built = run("nvcc", *flags, *INCLUDES, *sources, "-o", program)
    assert built.returncode == 0, built.stderr[-4000:]
    done = run(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "equal\n"
