"""Builds for fuzzing: the C++ entry points with libFuzzer, and the extension, both under ASan and UBSan."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
TARGETS = ("nms", "letterbox", "evaluator", "compare", "json")
SANITIZERS = ("-DBENCH_FREEZE_SANITIZE=ON", "-DBENCH_FREEZE_CUDA=OFF")
FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"

# Runs a program with the package of a folder: an editable installation answers `import bench_freeze` before the path.
RUN_COPY = """
import runpy, sys
sys.meta_path = [finder for finder in sys.meta_path if "ScikitBuild" not in type(finder).__name__]
sys.path.insert(0, sys.argv[1])
import bench_freeze
assert bench_freeze.__file__.startswith(sys.argv[1]), bench_freeze.__file__
sys.argv = sys.argv[2:]
if sys.argv[0] == "pytest":
    import pytest
    sys.exit(pytest.main(sys.argv[1:]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Unavailable(Exception):
    """A tool is missing: which one, as a sentence."""


def build_fuzzers(folder: Path) -> tuple[dict[str, Path], str]:
    """Programs by target, and the compiler's version. Raises Unavailable without a clang that has libFuzzer."""
    compiler = _clang(folder)
    _build(folder, "fuzz", f"-DCMAKE_CXX_COMPILER={compiler}", "-DBENCH_FREEZE_FUZZ=ON", "-DCMAKE_BUILD_TYPE=Release")
    return {target: folder / f"fuzz-{target}" for target in TARGETS}, _version(compiler)


def build_extension(folder: Path) -> tuple[dict[str, str], str]:
    """A copy of the package with a sanitized extension, in `folder`: the environment to run it in, and g++'s version.

    Raises Unavailable without Linux, cmake, g++ or nanobind.
    """
    if not sys.platform.startswith("linux") or shutil.which("g++") is None:
        raise Unavailable("the sanitized extension needs Linux and g++")
    build = folder / "build"
    _build(build, "_ext", "-DCMAKE_CXX_COMPILER=g++", "-DCMAKE_BUILD_TYPE=RelWithDebInfo")
    package = folder / "bench_freeze"
    if package.exists():
        shutil.rmtree(package)
    shutil.copytree(ROOT / "python" / "bench_freeze", package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copy(next(build.glob(f"_ext*{sysconfig.get_config_var('SHLIB_SUFFIX')}")), package)
    # The sanitizer looks for what throws when it starts, and Python itself is not linked with libstdc++.
    libraries = [
        subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("libasan.so", "libstdc++.so")
    ]
    environment = {
        "LD_PRELOAD": " ".join(libraries),
        # Python frees nothing at its end; a hostile size may be refused by the allocator.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    return environment, _version("g++")


def run_copy(
    folder: Path, environment: Mapping[str, str], program: Sequence[object], timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """A Python program, or `pytest` with its arguments, with the copy of the package in `folder`."""
    return subprocess.run(
        [sys.executable, "-c", RUN_COPY, str(folder), *map(str, program)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        cwd=ROOT,
        check=False,
        timeout=timeout,
    )


def _clang(folder: Path) -> str:
    names = ["clang++", *(f"clang++-{number}" for number in range(25, 12, -1))]
    found = [path for path in map(shutil.which, names) if path]
    if not found:
        raise Unavailable("libFuzzer needs clang++, which is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "probe.cpp"
    source.write_text(
        "#include <cstddef>\n#include <cstdint>\n"
        'extern "C" int LLVMFuzzerTestOneInput(const uint8_t*, size_t) { return 0; }\n'
    )
    for compiler in found:
        command = [compiler, "-fsanitize=fuzzer,address,undefined", str(source), "-o", str(folder / "probe")]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return compiler
    raise Unavailable(f"{found[0]} has no libFuzzer (Debian: libclang-rt-dev)")


def _build(folder: Path, target: str, *options: str) -> None:
    if shutil.which("cmake") is None:
        raise Unavailable("cmake is not installed")
    try:
        import nanobind  # noqa: F401
    except ImportError:
        raise Unavailable("nanobind is not installed") from None
    python = f"-DPython_EXECUTABLE={sys.executable}"
    for command in (
        ["cmake", "-S", str(ROOT), "-B", str(folder), python, *SANITIZERS, *options],
        ["cmake", "--build", str(folder), "-j2", "--target", target],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{(done.stdout + done.stderr)[-4000:]}")


def _version(compiler: str) -> str:
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
