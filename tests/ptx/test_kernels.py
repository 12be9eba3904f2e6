"""The project's kernels on the PTX machine: equal to the CPU back end, without a fault, and no barrier to spare."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from bench_freeze.cores import usable_cores

from .barriers import barrier_site, barrier_sites
from .build import Cuda, DeviceCode, cpu_objects, equality_program
from .conftest import FAULT

pytestmark = pytest.mark.slow

DIFFERENT = 1  # the program's exit status where a result is not the CPU's
# Barriers that nothing here misses, with the reason.
REDUNDANT = {
    barrier_site(
        "core/match.h", 1
    ): "the lane that wrote the outcome is the one that copies it, and the next detection waits once "
    "more before anyone reads what is taken",
}


@dataclass(frozen=True)
class Program:
    path: Path
    barriers: list[str]

    def run(self, part: str = "all", **environment: object) -> subprocess.CompletedProcess[str]:
        settings = {key: str(value) for key, value in environment.items()}
        return subprocess.run(
            [self.path, "quick", part],
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
            env={**os.environ, **settings},
        )


@pytest.fixture(scope="session")
def program(
    cuda: Cuda,
    machine: list[Path],
    device: Callable[[str], DeviceCode],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Program]:
    """program(architecture), built once."""
    folder = tmp_path_factory.mktemp("equality")
    parts = [*machine, *cpu_objects(folder)]

    @cache
    def build(architecture: str) -> Program:
        code = device(architecture)
        path = equality_program(cuda, architecture, folder / architecture, [*code.objects, *parts])
        return Program(path, barrier_sites(code.ptx))

    return build


@pytest.mark.parametrize(
    ("architecture", "disturbed"),
    [
        ("compute_75", {"PTX_SEED": 1}),
        ("compute_90", {"PTX_SEED": 2}),
        ("compute_90", {"PTX_SEED": 3, "PTX_PREEMPT": 50, "PTX_LATE": 1}),
    ],
)
def test_equal_to_the_cpu_back_end_without_a_fault(
    program: Callable[[str], Program], architecture: str, disturbed: dict[str, int]
) -> None:
    done = program(architecture).run(**disturbed)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "equal\n"


def test_every_barrier_is_needed(program: Callable[[str], Program]) -> None:
    """Each is taken out once: the machine sees a race, or the results differ."""
    built = program("compute_90")
    assert len(built.barriers) > 20

    def is_seen(barrier: str) -> bool:
        parts = {"match": "matching", "letterbox": "letterbox"}
        part = next((part for name, part in parts.items() if name in barrier), "suppression")
        done = built.run(part, PTX_WITHOUT_BARRIER=barrier, PTX_STOP=1)
        if done.returncode == 0 and done.stdout == "equal\n":
            return False
        assert done.returncode in (FAULT, DIFFERENT), done.stderr[-1000:]
        return True

    with ThreadPoolExecutor(usable_cores()) as pool:
        seen = dict(zip(built.barriers, pool.map(is_seen, built.barriers), strict=True))
    assert {barrier for barrier, was_seen in seen.items() if not was_seen} == set(REDUNDANT)
