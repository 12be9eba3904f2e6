"""Programs on the PTX machine, built once a session."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from .build import CPP, MACHINE, Cuda, DeviceCode, device_code, kernel_object, machine_objects, run

FAULT = 66  # the machine's exit status after a fault

HEAD = """\
.version 8.0
.target sm_90
.address_size 64
"""
ENTRY = """\
.visible .entry {name}(.param .u64 {name}_in, .param .u64 {name}_out)
.maxntid 256, 1, 1
{{
.reg .pred %p<9>;
.reg .b16 %rs<9>;
.reg .b32 %r<9>;
.reg .b64 %rd<19>;
ld.param.u64 %rd1, [{name}_in];
ld.param.u64 %rd2, [{name}_out];
mov.u32 %r1, %tid.x;
{body}
ret;
}}
"""


@dataclass(frozen=True)
class Ran:
    """What a kernel wrote, and what the machine said."""

    status: int
    output: bytes
    said: str


Launch = Callable[..., Ran]


def entry(name: str, body: str) -> str:
    """A kernel with %rd1 = input, %rd2 = output, %r1 = its thread."""
    return ENTRY.format(name=name, body=body)


@pytest.fixture(scope="session")
def cuda() -> Cuda:
    if platform.machine() != "x86_64" or shutil.which("g++") is None:
        pytest.skip("the PTX machine needs g++ on x86-64")
    found = Cuda.find()
    if found is None:
        pytest.skip("nvcc is not on PATH")
    return found


@pytest.fixture(scope="session")
def machine(cuda: Cuda, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The objects of the machine."""
    return machine_objects(cuda, tmp_path_factory.mktemp("machine"))


@pytest.fixture(scope="session")
def device(cuda: Cuda, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], DeviceCode]:
    """device(architecture) is the CUDA back end, compiled once for every program that has it."""
    folder = tmp_path_factory.mktemp("device")
    return cache(lambda architecture: device_code(cuda, architecture, folder / architecture))


@pytest.fixture(scope="session")
def launcher(machine: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mapping[str, str]], Launch]:
    """launcher({name: body}) is a function that launches one of these kernels."""

    def build(bodies: Mapping[str, str]) -> Launch:
        folder = tmp_path_factory.mktemp("driver")
        source = folder / "kernels.ptx"
        source.write_text(HEAD + "".join(entry(name, body) for name, body in bodies.items()))
        program = folder / "driver"
        driver = Path(__file__).parent / "driver.cpp"
        run(*CPP, "-O1", "-I", MACHINE.parent, driver, kernel_object([source], folder), *machine, "-o", program)

        def launch(
            name: str, data: bytes = b"", out: int = 8, threads: int = 1, grid: int = 1, **environment: object
        ) -> Ran:
            words = [str(program), name, str(grid), str(threads), str(out)]
            settings = {key: str(value) for key, value in environment.items()}
            done = subprocess.run(
                words, input=data, capture_output=True, check=False, timeout=60, env={**os.environ, **settings}
            )
            return Ran(done.returncode, done.stdout, done.stderr.decode())

        return launch

    return build
