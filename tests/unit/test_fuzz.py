"""The compiled entry points bear anything; the same under AddressSanitizer and UndefinedBehaviorSanitizer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("fuzz_extension.py")

# An editable installation answers `import bench_freeze` before the path does.
RUN_COPY = """
import runpy, sys
sys.meta_path = [finder for finder in sys.meta_path if "ScikitBuild" not in type(finder).__name__]
import bench_freeze
assert bench_freeze.__file__.startswith(sys.argv[1]), bench_freeze.__file__
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_crashes(seed: int) -> None:
    done = subprocess.run([sys.executable, PROGRAM, str(seed), "4"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_nothing_crashes_under_sanitizers(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux") or shutil.which("cmake") is None or shutil.which("g++") is None:
        pytest.skip("needs Linux, cmake and g++")
    pytest.importorskip("nanobind")
    build = tmp_path / "build"
    options = ("-DBENCH_FREEZE_SANITIZE=ON", "-DBENCH_FREEZE_CUDA=OFF", "-DCMAKE_BUILD_TYPE=Debug")
    python = f"-DPython_EXECUTABLE={sys.executable}"
    subprocess.run(["cmake", "-S", ROOT, "-B", build, python, *options], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", build, "-j2", "--target", "_ext"], check=True, capture_output=True)
    package = tmp_path / "bench_freeze"
    shutil.copytree(ROOT / "python" / "bench_freeze", package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copy(next(build.glob(f"_ext*{sysconfig.get_config_var('SHLIB_SUFFIX')}")), package)
    runtime = subprocess.run(["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout
    environment = os.environ | {
        "LD_PRELOAD": runtime.strip(),
        "PYTHONPATH": str(tmp_path),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN_COPY, str(tmp_path), PROGRAM, "5", "10"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
