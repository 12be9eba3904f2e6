"""What has to be brought along to a machine that has a framework and no network."""

from __future__ import annotations

import re
from pathlib import Path

EXTENSION, PYCUDA = "bench-freeze", "pycuda"
# Beside what such a machine has: torch, torchvision, triton, numpy, scipy, pandas, onnx, onnxruntime, jinja2, pyyaml,
# psutil. A package that the machine has as well is no harm: the one that is brought is used.
WHEELS = (
    "msgspec", "rich", "markdown-it-py", "mdurl", "pygments", "junitparser",  # the package itself
    "ultralytics-opencv-headless", "ultralytics-thop", "opencv-python-headless", "pillow", "pycocotools",  # trainings
    "nvidia-ml-py",  # telemetry
    "pytest", "pluggy", "iniconfig", "packaging",  # tests/cuda
    "pytools", "mako", "markupsafe", "siphash24", "platformdirs", "typing-extensions",  # PyCUDA imports them
    "scikit-build-core", "pathspec", "nanobind", "cmake", "ninja", "setuptools", "wheel",  # builds what is not prebuilt
)  # fmt: skip
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def fetching(folder: Path, python: str) -> list[str]:
    """Shell commands that fill the folder, on a machine with network; the last one needs nvcc and may be left out."""
    platforms = " ".join(f"--platform {name}" for name in PLATFORMS)
    download = f"python -m pip download --no-deps -d {folder}"
    return [
        f"{download} --only-binary=:all: --python-version {python} --implementation cp {platforms} {' '.join(WHEELS)}",
        f"{download} --no-binary=pycuda 'pycuda>=2025.1.2'",
        "# The extension for one GPU's compute capability, with the Python of that machine (90: H100 and H200):",
        f"python{python} -m pip wheel --no-deps -w {folder} -C cmake.define.BENCH_FREEZE_CUDA=ON "
        "-C cmake.define.BENCH_FREEZE_CUDA_ARCHITECTURES=90 .",
    ]


def names_in(folder: Path) -> set[str]:
    """Names of the packages whose wheels or archives lie in a folder."""
    files = [*folder.glob("*.whl"), *folder.glob("*.tar.gz")] if folder.is_dir() else []
    return {canonical(file.name) for file in files}


def absent_from(folder: Path) -> list[str]:
    """What `fetching` would bring and the folder has not."""
    return sorted({*WHEELS, PYCUDA, EXTENSION} - names_in(folder))


def canonical(file_name: str) -> str:
    """The package's name, as indexes write it: of scikit_build_core-0.11.tar.gz it is scikit-build-core."""
    stem = re.sub(r"\.tar\.gz$", "", file_name)
    found = re.match(r"(.+?)-\d", stem)
    return re.sub(r"[-_.]+", "-", found.group(1) if found else stem).lower()
