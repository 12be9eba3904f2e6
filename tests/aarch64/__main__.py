"""Build the extension for aarch64 and run the light installation's tests under emulation: `make test-aarch64`.

    python -m tests.aarch64 [--work build/aarch64] [PYTEST ARGUMENTS]

On Debian, with g++-aarch64-linux-gnu, qemu-user-static and cmake. Everything else is fetched into the work
folder and kept there: Debian's Python for arm64, and the light installation's wheels. Where a piece is missing it says
which and ends with 0, or with 1 if REQUIRE_AARCH64 is set. Takes eight
minutes of processor time, and downloads once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from bench_freeze.user_files import parse_toml

from .extension import compiled, fused_in
from .system import Missing, System, require_programs, run, unpacked

ROOT = Path(__file__).resolve().parents[2]
# What the tests use beside the light installation, and nanobind for the build. All of it has wheels for aarch64.
TOOLS = ("pytest", "pytest-xdist", "hypothesis", "pycocotools", "nanobind")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
# What depends on the processor: the extension, its callers, the readers of a board's files, statistics; and the numbers
# of the peers that have wheels.
TESTS = (
    *(f"tests/unit/{room}" for room in ("kernels", "evaluate", "measure", "stats")),
    "tests/parity",
)
# Counts the calls of three seconds, which are few in an emulator.
TOO_SLOW = "--deselect=tests/unit/kernels/test_fuzz.py::test_nothing_crashes"
MARKERS = "not slow and not browser and not trt_build and not cuda and not trt"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / "build/aarch64", help="folder of all that is made")
    options, asked = parser.parse_known_args()
    try:
        return tested(options.work.resolve(), asked)
    except Missing as missing:
        print(f"test-aarch64: skipped: {missing}")
        return 1 if os.environ.get("REQUIRE_AARCH64") else 0
    except subprocess.CalledProcessError as error:
        print(f"test-aarch64: {' '.join(map(str, error.cmd))} ended with {error.returncode}:\n{error.output}")
        return 1


def tested(work: Path, asked: list[str]) -> int:
    """Step by step; the status of pytest."""
    work.mkdir(parents=True, exist_ok=True)
    require_programs()
    system = step("Debian's Python for arm64", lambda: unpacked(work))
    site = step("wheels of the light installation", lambda: wheels(system, work / "site"))
    package = step("extension, warnings as errors", lambda: compiled(ROOT, work, system, site))
    fused = step("no fused multiplication and addition", lambda: fused_in(work / "extension"))
    if fused:
        print(f"test-aarch64: the kernels have fused instructions: {', '.join(sorted(set(fused)))}")
        return 1
    path = os.pathsep.join(map(str, (package, site, ROOT)))
    command = [str(system.python), "-m", "pytest", "-q", "-p", "tests.aarch64.light", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": path}
    chosen = asked or ["-m", MARKERS, "-n", str(os.cpu_count()), "--dist", "worksteal", TOO_SLOW, *TESTS]
    return subprocess.run([*command, *chosen], cwd=ROOT, env=environment, check=False).returncode


def wheels(system: System, site: Path) -> Path:
    """The light installation's packages and the tests' for this Python, by the pip of this machine."""
    if not site.exists():
        version = run([str(system.python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        unfinished = site.with_name("site.unfinished")
        run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--target", str(unfinished)),
                *("--implementation", "cp", "--python-version", version.strip(), "--only-binary=:all:"),
                *(f"--platform={name}" for name in PLATFORMS),
                *dependencies(),
                *TOOLS,
            ]
        )
        unfinished.rename(site)
    return site


def dependencies() -> list[str]:
    """What pyproject.toml names for the light installation."""
    file = ROOT / "pyproject.toml"
    return parse_toml(file.read_text(), file, "restore it")["project"]["dependencies"]


def step(name, work):
    """Do the work, and say what it took."""
    print(f"{name} ...", flush=True)
    began = time.monotonic()
    found = work()
    print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
