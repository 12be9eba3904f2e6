"""What is on the machine: GPU, driver, toolkit, packages. It imports nothing that may be missing.

python -m bench.gpu.versions --json FILE
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from .result import write_result
from .toolkit import tool

PACKAGES = (
    "torch", "torchvision", "triton", "cupy-cuda13x", "tensorrt", "pycuda", "numpy", "scipy", "onnx", "onnxruntime",
    "nvidia-ml-py", "pytest", "scikit-build-core", "nanobind", "cmake", "ninja", "pillow", "opencv-python-headless",
)  # fmt: skip
QUERY = "name,driver_version,compute_cap,memory.total,clocks.max.sm,power.limit"


def first_answer(*command: str) -> str | None:
    """The last line that a command prints, None where it does not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[-1] if done.returncode == 0 and lines else None


def package_versions() -> dict[str, str | None]:
    """Versions of the packages that the run needs or compares with."""
    found: dict[str, str | None] = dict.fromkeys(PACKAGES)
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    gpu = first_answer("nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader")
    packages = package_versions()
    programs = {name: first_answer(tool(name), "--version") for name in ("nvcc", "compute-sanitizer", "g++", "cmake")}
    disk = shutil.disk_usage(Path.cwd())
    write_result(
        options.json,
        f"{gpu or 'nvidia-smi does not answer'}; torch {packages['torch']}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores",
        gpu=gpu,
        gpu_columns=QUERY,
        packages=packages,
        programs=programs,
        missing=[name for name, version in {**packages, **programs}.items() if version is None],
        python=sys.version,
        executable=sys.executable,
        platform=platform.platform(),
        cores=os.cpu_count(),
        free_disk_bytes=disk.free,
    )


if __name__ == "__main__":
    main()
