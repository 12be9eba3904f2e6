"""Builds programs of this project's CUDA code that run on a CPU: nvcc's host code, its PTX translated, our machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .translate import translate

ROOT = Path(__file__).parents[2]
MACHINE = Path(__file__).parent / "machine"
KERNELS = tuple(sorted((ROOT / "csrc/cuda").glob("*.cu")))
CPU = ("letterbox", "match", "nms", "order", "scan", "suppress")
CPU_SOURCES = tuple(ROOT / "csrc/cpu" / f"{name}.cpp" for name in CPU)
INCLUDES = ("-I", ROOT / "csrc", "-I", ROOT / "tests/csrc", "-I", ROOT / "tests/cuda")
CPP = ("g++", "-std=c++17", "-ffp-contract=off", "-fPIC")
TIMEOUT_SECONDS = 900


class BuildFailed(Exception):
    """A compiler's refusal, with the end of what it said."""


@dataclass(frozen=True)
class Cuda:
    """nvcc, and where its headers are."""

    nvcc: str
    include: Path

    @classmethod
    def find(cls) -> Cuda | None:
        """None without nvcc on PATH."""
        nvcc = shutil.which("nvcc")
        if nvcc is None:
            return None
        top = Path(nvcc).resolve().parents[1]
        header = next(iter(sorted(top.rglob("cuda_runtime_api.h"))), None)
        return None if header is None else cls(nvcc, header.parent)

    def compile(self, source: Path, architecture: str, folder: Path, flags: Sequence[str] = ()) -> tuple[Path, Path]:
        """The object file of a .cu file and the PTX that its host code launches, from one run of the compiler."""
        kept = folder / f"{source.stem}.kept"
        kept.mkdir(parents=True, exist_ok=True)
        target = folder / f"{source.stem}.cu.o"
        run(
            self.nvcc,
            *("-c", "-std=c++17", "-O3", "--fmad=false", f"-arch={architecture}", "-cudart=shared", "-lineinfo"),
            *("-Xcompiler=-fPIC,-ffp-contract=off", "--keep", "--keep-dir", kept),
            *flags,
            *INCLUDES,
            source,
            *("-o", target),
        )
        return target, next(iter(kept.glob("*.ptx")))


def run(*command: object) -> None:
    """Run a compiler; raises BuildFailed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    if done.returncode != 0:
        raise BuildFailed(f"{words[0]} {words[-1]}: {done.stderr[-3000:]}")


def cpu_objects(folder: Path) -> list[Path]:
    """The CPU back end, which the programs compare with."""
    objects = []
    for source in CPU_SOURCES:
        objects.append(folder / f"{source.stem}.cpu.o")
        run(*CPP, "-O2", *INCLUDES, "-c", source, "-o", objects[-1])
    return objects


def machine_objects(cuda: Cuda, folder: Path) -> list[Path]:
    """The machine that PTX runs on; the same for every program."""
    objects = []
    for source in sorted(MACHINE.glob("*.cpp")):
        objects.append(folder / f"{source.stem}.machine.o")
        run(*CPP, "-O2", "-Wall", "-Wextra", "-I", cuda.include, "-c", source, "-o", objects[-1])
    return objects


def kernel_object(ptx: Iterable[Path], folder: Path) -> Path:
    """PTX files, translated and compiled."""
    source, target = folder / "kernels.cpp", folder / "kernels.o"
    source.write_text(translate(ptx))
    run(*CPP, "-O1", "-w", "-I", MACHINE, "-c", source, "-o", target)
    return target


@dataclass(frozen=True)
class DeviceCode:
    """The CUDA back end for one architecture: nvcc's host code and the PTX that it launches, as objects."""

    objects: tuple[Path, ...]
    ptx: tuple[Path, ...]


def device_code(cuda: Cuda, architecture: str, folder: Path) -> DeviceCode:
    """The kernels of csrc/cuda."""
    folder.mkdir(parents=True, exist_ok=True)
    built = [cuda.compile(source, architecture, folder) for source in KERNELS]
    ptx = tuple(text for _, text in built if ".entry" in text.read_text())
    return DeviceCode((*(made for made, _ in built), kernel_object(ptx, folder)), ptx)


def equality_program(cuda: Cuda, architecture: str, folder: Path, objects: Iterable[Path]) -> Path:
    """tests/cuda/equality.cu with these objects: device code, machine, CPU back end."""
    test, _ = cuda.compile(ROOT / "tests/cuda/equality.cu", architecture, folder)
    program = folder / "equality"
    run("g++", test, *objects, "-lpthread", "-o", program)
    return program
