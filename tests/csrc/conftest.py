"""Compiles C++ tests with the flags of the product; each program is built once a session."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CPU_SOURCES = [
    ROOT / "csrc/cpu" / name for name in ("letterbox.cpp", "match.cpp", "nms.cpp", "scan.cpp", "suppress.cpp")
]
FLAGS = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-pthread"]
INCLUDES = ["-I", str(ROOT / "csrc"), "-I", str(HERE)]


def run(*command: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=timeout)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """compiled(source, *flags) is the path of the program."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("programs")

    def build(source: str, *flags: object) -> Path:
        program = folder / f"{Path(source).stem}-{len(list(folder.iterdir()))}"
        done = run("g++", *FLAGS, *flags, *INCLUDES, HERE / source, "-o", program)
        if "cannot find" in done.stderr and "san" in done.stderr:
            pytest.skip(f"this g++ has no sanitizer library: {done.stderr.strip().splitlines()[-1]}")
        assert done.returncode == 0, done.stderr[-4000:]
        return program

    return build
