"""The device's algorithms without a GPU: host doubles run the same templates as the kernels do.

A random order and real threads must give the CPU back end's numbers; ThreadSanitizer must find nothing in the code as
it is, and something in it once any barrier is deleted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import CPU_SOURCES, ROOT, run

RACE = 66  # ThreadSanitizer's exit status


@pytest.mark.parametrize(
    "flags",
    [
        ("-fsanitize=address,undefined", "-fno-sanitize-recover"),
        ("-O3",),  # loops in vectors, the widest that this machine has
        pytest.param(("-O3", "-DBENCH_FREEZE_NARROW"), marks=pytest.mark.slow),  # as a machine without AVX2
    ],
    ids=["sanitized", "wide", "narrow"],
)
def test_every_double_equals_the_cpu_back_end(compiled: Callable[..., Path], flags: tuple[str, ...]) -> None:
    done = run(compiled("equality.cpp", *flags, *CPU_SOURCES))
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "equal\n"


@pytest.fixture(scope="module")
def barriers(compiled: Callable[..., Path]) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    program = compiled("barriers.cpp", "-g", "-fsanitize=thread")
    # Older sanitizers cannot place their memory where a recent kernel has put the program.
    command = ["setarch", "-R", program] if shutil.which("setarch") else [program]
    options = os.environ.get("TSAN_OPTIONS")
    os.environ["TSAN_OPTIONS"] = "halt_on_error=1"
    yield lambda *arguments: run(*command, *arguments, timeout=60)
    os.environ.pop("TSAN_OPTIONS")
    if options is not None:
        os.environ["TSAN_OPTIONS"] = options


def test_no_race_and_no_barrier_to_spare(barriers: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Some barriers only matter to what comes after an algorithm: one that is caught in any of them is needed."""
    caught: dict[str, bool] = {}
    for name in barriers().stdout.split():
        sound = barriers(name)
        assert sound.returncode == 0, f"{name}: {sound.stderr[-3000:]}"
        for site in sound.stdout.splitlines():
            if not caught.get(site):
                caught[site] = barriers(name, *site.split()).returncode == RACE
    assert {site for site, is_caught in caught.items() if is_caught} == set(barriers_in_source())


def barriers_in_source() -> Iterator[str]:
    for file in sorted([*ROOT.glob("csrc/core/*.h"), *ROOT.glob("csrc/cuda/*.h")]):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if "group.sync()" in line:
                yield f"{file.name} {number}"


def test_a_parallel_greedy_loop_is_caught(barriers: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert barriers("parallel-greedy").returncode == 1
