"""All that a machine with an NVIDIA GPU has to tell: build, prove, sanitize, time. One command there:

    python bench/gpu.py [--out bench/results] [--skip build tests sanitize time]

It has not been run on a GPU by the authors of this version: no machine with one was at hand. What it drives was proven
as far as that goes without (tests/csrc). It needs nvcc, compute-sanitizer and, for the times, a torch with CUDA and
torchvision; the package's own dependencies must be installed. Stops at the first step that fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("build", "tests", "sanitize", "time")
SANITIZERS = ("memcheck", "racecheck", "synccheck")


def run(*command: object, **environment: str) -> None:
    shown = " ".join(map(str, command))
    print(f"\n$ {shown}", flush=True)
    status = subprocess.run([*map(str, command)], cwd=ROOT, env={**os.environ, **environment}, check=False).returncode
    if status != 0:
        sys.exit(f"bench/gpu.py: stopped, as this ended with {status}: {shown}")


def tool(name: str) -> str:
    """Beside nvcc where it is not on PATH itself."""
    nvcc = shutil.which("nvcc")
    beside = Path(nvcc).resolve().parent / name if nvcc else None
    found = shutil.which(name) or (str(beside) if beside and beside.exists() else None)
    return found or sys.exit(f"bench/gpu.py: {name} is not on PATH; it comes with the CUDA toolkit")


def build() -> None:
    run(
        # Without isolation: a machine without network has the build's own packages installed.
        *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--editable", "."),
        *(
            "--config-settings=cmake.define.BENCH_FREEZE_CUDA=ON",
            "--config-settings=cmake.define.BENCH_FREEZE_WERROR=ON",
        ),
    )


def tests() -> None:
    run(sys.executable, "-m", "pytest", "-m", "cuda", "tests/cuda", REQUIRE_CUDA="1")


def sanitize() -> None:
    """The test program under each tool, its memory filled with rubbish and exactly as large as asked for."""
    program = ROOT / "build/gpu_equality"
    program.parent.mkdir(exist_ok=True)
    sources = [
        "tests/cuda/equality.cu",
        *sorted(file.relative_to(ROOT) for file in ROOT.glob("csrc/cuda/*.cu")),
        *(f"csrc/cpu/{name}.cpp" for name in ("match", "nms", "order", "scan", "suppress", "letterbox")),
    ]
    flags = ("-std=c++17", "-O2", "--fmad=false", "-Xcompiler=-ffp-contract=off", "-lineinfo", "-arch=native")
    run(tool("nvcc"), *flags, "-Icsrc", "-Itests/csrc", *sources, "-o", program)
    for name in SANITIZERS:
        run(tool("compute-sanitizer"), "--tool", name, "--error-exitcode", 1, program, "quick")


def time(out: Path) -> None:
    run(sys.executable, "bench/gpu_times.py", "--out", out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results")
    parser.add_argument("--skip", nargs="+", choices=STEPS, default=[])
    options = parser.parse_args()
    steps: dict[str, Callable[[], object]] = {
        "build": build,
        "tests": tests,
        "sanitize": sanitize,
        "time": lambda: time(options.out.resolve()),
    }
    for name in STEPS:
        if name not in options.skip:
            steps[name]()


if __name__ == "__main__":
    main()
