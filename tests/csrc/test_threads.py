"""The CPU back end's own threads under ThreadSanitizer."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import ROOT, run

RACE = 66  # ThreadSanitizer's exit status
SOURCES = sorted((ROOT / "csrc/cpu").glob("*.cpp"))


@pytest.fixture(scope="module")
def threads(compiled: Callable[..., Path]) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    program = compiled("threads.cpp", "-g", "-fsanitize=thread", *SOURCES)
    # Older sanitizers cannot place their memory where a recent kernel has put the program.
    command = ["setarch", "-R", program] if shutil.which("setarch") else [program]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TSAN_OPTIONS", "halt_on_error=1")
        yield lambda *arguments: run(*command, *arguments, timeout=120)


def test_every_step_on_four_threads(threads: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Suppression, matching, accumulation and the bootstrap: no race, and the result of one thread."""
    done = threads()
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "equal\n"


def test_a_shared_counter_is_caught(threads: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = threads("planted")
    assert done.returncode == RACE
    assert "data race" in done.stderr
