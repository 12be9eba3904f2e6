"""The compiled extension for aarch64, and what must hold for its code."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .system import COMPILER, DISASSEMBLER, System, run

# Multiplication and addition in one instruction round once; every result is defined with two roundings.
FUSED = re.compile(r"^\s*[0-9a-f]+:\s+(f(?:n?madd|n?msub|mla|mls))\s", re.MULTILINE)


def compiled(root: Path, work: Path, system: System, site: Path) -> Path:
    """The folder of an importable package: the checkout's modules with the extension beside them."""
    build = work / "extension"
    settings = {
        "CMAKE_SYSTEM_NAME": "Linux",
        "CMAKE_SYSTEM_PROCESSOR": "aarch64",
        "CMAKE_CXX_COMPILER": COMPILER,
        # Python.h includes aarch64-linux-gnu/.../pyconfig.h; the compiler's own libc comes first.
        "CMAKE_CXX_FLAGS": f"-idirafter {system.root / 'usr/include'}",
        "BENCH_FREEZE_WERROR": "ON",
        "BENCH_FREEZE_CUDA": "OFF",
        # The interpreter itself says where its headers are and what its modules are called.
        "Python_EXECUTABLE": str(system.python),
        "Python_INCLUDE_DIR": str(next((system.root / "usr/include").glob("python3.*"))),
    }
    environment = {"PYTHONPATH": str(site)}  # nanobind is there
    flags = [f"-D{name}={value}" for name, value in settings.items()]
    run(["cmake", "-S", str(root), "-B", str(build), *flags], environment)
    run(["cmake", "--build", str(build), "--parallel"], environment)
    package = work / "package"
    shutil.rmtree(package, ignore_errors=True)
    without_extension = shutil.ignore_patterns("_ext.*.so", "__pycache__")
    shutil.copytree(root / "python/bench_freeze", package / "bench_freeze", ignore=without_extension)
    run(["cmake", "--install", str(build), "--prefix", str(package)], environment)
    return package


def fused_in(build: Path) -> list[str]:
    """Instructions of the kernels that multiply and add with one rounding; there must be none."""
    library = next(build.rglob("libbench_freeze_score.a"))
    return fused_instructions(run([DISASSEMBLER, "--disassemble", "--no-show-raw-insn", str(library)]))


def fused_instructions(listing: str) -> list[str]:
    """Their names, in the order of a listing of objdump.

    >>> fused_instructions("  1c:	fmadd	d0, d1, d2, d3")
    ['fmadd']
    """
    return FUSED.findall(listing)
