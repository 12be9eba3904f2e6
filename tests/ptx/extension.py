"""The package over an extension whose CUDA back end runs on the PTX machine."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

import nanobind

from .build import CPP, ROOT, run

NANOBIND = Path(nanobind.__file__).parent
HEADERS = (ROOT / "csrc", NANOBIND / "include", NANOBIND / "ext/robin_map/include", sysconfig.get_path("include"))
# What the scorer is made of beside the CUDA back end, and what binds it to Python.
SCORER = tuple(sorted((*ROOT.glob("csrc/cpu/*.cpp"), *ROOT.glob("csrc/json/*.cpp"))))
BINDING = (NANOBIND / "src/nb_combined.cpp", *sorted(ROOT.glob("csrc/binding/*.cpp")))
# An editable installation finds the package before any folder on the path does.
LAUNCHER = """\
import sys
sys.meta_path = [finder for finder in sys.meta_path if "ScikitBuildRedirecting" not in type(finder).__name__]
sys.path.insert(0, sys.argv[1])
from bench_freeze.kernels import ext
assert ext.native.__file__.startswith(sys.argv[1]), ext.native.__file__
import pytest
sys.exit(pytest.main(sys.argv[2:]))
"""


def host_objects(folder: Path) -> list[Path]:
    """The scorer's CPU part and its binding, the same for every architecture."""
    folder.mkdir(parents=True, exist_ok=True)
    includes = [word for header in HEADERS for word in ("-I", header)]
    flags = ("-DNDEBUG", "-fvisibility=hidden", "-fno-strict-aliasing", "-w")
    objects = []
    for sources, level in ((SCORER, "-O1"), (BINDING, "-O0")):
        for source in sources:
            objects.append(folder / f"{source.parent.name}_{source.stem}.o")
            run(*CPP, level, *flags, *includes, "-c", source, "-o", objects[-1])
    return objects


def package(folder: Path, objects: Iterable[Path]) -> Path:
    """A folder to put first on the path: `bench_freeze` with the checkout's files and an extension of `objects`."""
    inside = folder / "bench_freeze"
    inside.mkdir(parents=True)
    for entry in (ROOT / "python/bench_freeze").iterdir():
        if entry.suffix != ".so":
            (inside / entry.name).symlink_to(entry)
    # Its own stand-in for libcudart, whatever else the process has loaded.
    run("g++", "-shared", "-Wl,-Bsymbolic", *objects, "-lpthread", "-o", inside / "_ext.so")
    return folder


def run_tests(package: Path, *words: str, **environment: object) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, with that package."""
    settings: Mapping[str, str] = {key: str(value) for key, value in environment.items()}
    return subprocess.run(
        [sys.executable, "-c", LAUNCHER, str(package), "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={**os.environ, **settings},
    )
