"""The steps of the first run, in their order: what tells most comes first, and what takes long comes late."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .step import Reader, Step, read_equality, read_json, read_pytest, read_sanitizer, read_status, read_study
from .toolkit import path_with_toolkit, tool
from .wheels import EXTENSION, PYCUDA, names_in

# What the equality program is made of: all kernels, and the CPU back end that they are compared with.
CPU_PARTS = ("letterbox", "match", "nms", "order", "scan", "suppress")
NVCC_FLAGS = ("-std=c++17", "-O2", "--fmad=false", "-Xcompiler=-ffp-contract=off", "-lineinfo")
SANITIZERS = ("memcheck", "racecheck", "synccheck")
PIP = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-cache-dir")
STUDY = (
    "--freeze", "22,15", "--epochs", "2", "--engine", "torch", "--construction", "branched", "--latency-seconds", "2",
)  # fmt: skip
TESTS = (
    "-m",
    "pytest",
    "-q",
    "-p",
    "no:cacheprovider",
    "-m",
    "cuda",
    "--ignore=tests/cuda/test_native.py",
    "tests/cuda",
)


@dataclass(frozen=True)
class Places:
    """Folders of a run: the checkout, what was brought along, and what is made on the way."""

    root: Path
    wheels: Path
    work: Path
    architecture: str = "native"  # of nvcc

    @property
    def site(self) -> Path:
        """Where packages are installed: the machine's own stay as they are."""
        return self.work / "site"

    @property
    def program(self) -> Path:
        """The equality program."""
        return self.work / "equality"

    @property
    def environment(self) -> dict[str, str]:
        """Of every step."""
        return {
            "PATH": path_with_toolkit(os.environ.get("PATH", "")),
            "PYTHONPATH": f"{self.site}:{self.root}",
            "PYTHONUNBUFFERED": "1",
            "YOLO_OFFLINE": "true",
        }


def equality_sources(root: Path) -> list[Path]:
    """Relative to the checkout."""
    kernels = sorted(file.relative_to(root) for file in root.glob("csrc/cuda/*.cu"))
    return [Path("tests/cuda/equality.cu"), *kernels, *(Path(f"csrc/cpu/{name}.cpp") for name in CPU_PARTS)]


def compile_equality(places: Places) -> tuple[str, ...]:
    """nvcc's command line."""
    return (
        tool("nvcc"), *NVCC_FLAGS, f"-arch={places.architecture}", "-Icsrc", "-Itests/csrc",
        *map(str, equality_sources(places.root)), "-o", str(places.program),
    )  # fmt: skip


def steps(places: Places) -> list[Step]:
    """All steps."""
    return [_program("versions"), *_set_up(places), *_scorer(places), *_trainings(places), *_driver(places)]


def _set_up(places: Places) -> list[Step]:
    """Packages beside the machine's own, and an extension that works on its GPU: a prebuilt one, else one made here."""
    brought = names_in(places.wheels)
    packages = sorted(brought - {EXTENSION, PYCUDA})
    here = (
        *PIP, "--no-build-isolation", "--upgrade", "--target", str(places.site),
        "--config-settings=cmake.define.BENCH_FREEZE_CUDA=ON",
        f"--config-settings=cmake.define.BENCH_FREEZE_CUDA_ARCHITECTURES={places.architecture.removeprefix('sm_')}",
        f"--config-settings=build-dir={places.work / 'build'}", ".",
    )  # fmt: skip
    absent = f"none in {places.wheels}"
    return [
        _python("packages", 60, _install(places, *packages), left_out="" if packages else absent),
        _python("prebuilt", 20, _install(places, EXTENSION), left_out="" if EXTENSION in brought else absent),
        _program("extension", name="prebuilt works", needs=("prebuilt",), gives="extension"),
        _python("build", 150, here, unless="extension"),
        _program("extension", name="build works", needs=("build",), unless="extension", gives="extension"),
    ]


def _scorer(places: Places) -> list[Step]:
    """Whether suppression, matching and letterbox are right on the GPU, and how fast."""
    compiled = ("equality, compiled",)
    program = str(places.program)
    return [
        Step(*compiled, compile_equality(places), 180, read_status, makes=(places.program,)),
        Step("equality", (program,), 60, read_equality, compiled),
        _program("times", 60, needs=("extension",)),
        _program("to_ap", 60, needs=("extension",)),
        _python("tests/cuda", 120, TESTS, read_pytest, needs=("extension",), environment={"REQUIRE_CUDA": "1"}),
        *(
            Step(
                name,
                (tool("compute-sanitizer"), "--tool", name, "--error-exitcode", "1", program, "quick"),
                60,
                read_sanitizer,
                compiled,
            )
            for name in SANITIZERS
        ),
    ]


def _trainings(places: Places) -> list[Step]:
    """The embedded study at two depths, and what its trainings take beside plain Ultralytics."""
    out = places.work / "study"
    study = ("-m", "bench_freeze", "run", *STUDY, "--device", "cuda:0", "--out", str(out))
    return [
        _python("study", 120, study, partial(read_study, out), needs=("extension",)),
        _program("training", 90, "--amp", "bf16", name="training, bf16", needs=("extension",)),
        _program("training", 90, "--amp", "false", name="training, fp32", needs=("extension",)),
    ]


def _driver(places: Places) -> list[Step]:
    """What NVML answers, and CUDA graphs through PyCUDA, which takes long to build."""
    absent = "" if PYCUDA in names_in(places.wheels) else f"none in {places.wheels}"
    pycuda = (*_install(places, PYCUDA), "--no-build-isolation")
    return [
        _program("nvml", needs=("extension",)),
        _python("PyCUDA", 240, pycuda, left_out=absent),
        _program("graphs", needs=("extension", "PyCUDA")),
    ]


def _install(places: Places, *names: str) -> tuple[str, ...]:
    return (*PIP, "--upgrade", "--target", str(places.site), "--find-links", str(places.wheels), *names)


def _python(name: str, seconds: float, words: tuple[str, ...], read: Reader = read_status, **others: Any) -> Step:
    return Step(name, (sys.executable, *words), seconds, read, **others)


def _program(program: str, seconds: float = 30, *flags: str, name: str | None = None, **others: Any) -> Step:
    """One of this folder's programs."""
    words = ("-m", f"bench.gpu.{program}", "--json", "{result}", *flags)
    return _python(name or program, seconds, words, read_json, **others)
