"""Setting up a Jetson to run plans: which steps are done, and the command for each that is missing.

The steps are those of docs/howto/jetson.md; a test compares the page with them.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ..measure.telemetry.jetson import JetsonSource

RELEASE = Path("etc/nv_tegra_release")
OLDEST = {36: 4}  # L4T 36.4 is JetPack 6.1; JetPack 6.0 and 5 have TensorRT 8
TOOLKIT = Path("usr/local/cuda/bin")

PACKAGES = "sudo apt-get install nvidia-jetpack python3-libnvinfer python3-venv python3-dev g++"
ENVIRONMENT = "python3 -m venv --system-site-packages .venv && source .venv/bin/activate"
PATH = f"export PATH=/{TOOLKIT}:$PATH"
INSTALL = {"JetPack 6": "pip install '.[jetpack6]'", "JetPack 7": "pip install '.[jetpack7]'"}
BUILD = "pip install --force-reinstall --no-deps ."

_RELEASE = re.compile(r"R(\d+)\b.*?REVISION:\s*(\d+)((?:\.\d+)*)")


@dataclass(frozen=True)
class Release:
    """A release of Jetson Linux (L4T), which identifies the JetPack version."""

    major: int
    minor: int
    text: str

    @property
    def jetpack(self) -> str:
        """Either "JetPack 6", "JetPack 7", or "old JetPack", whose TensorRT is too old to be used."""
        if self.major < 36 or self.minor < OLDEST.get(self.major, 0):
            return "old JetPack"
        return "JetPack 6" if self.major < 38 else "JetPack 7"


@dataclass(frozen=True)
class BoardStep:
    """One step: `found` if it is done, else what is `missing` and the `command` for it, empty if no command helps."""

    name: str
    found: str = ""
    missing: str = ""
    command: str = ""


@dataclass(frozen=True)
class BoardFacts:
    """What was found on a board, and in this Python environment on it."""

    release: Release
    absent_packages: tuple[str, ...]  # missing system packages, in words
    is_virtual: bool
    sees_tensorrt: bool
    nvcc: str | None  # on PATH
    sees_pycuda: bool
    back_end: str  # why the extension's CUDA back end cannot work; empty if it can
    absent_tools: tuple[str, ...]  # for power modes
    power: str | None  # how the module's power is measured


def release_of(text: str) -> Release | None:
    """Parse /etc/nv_tegra_release: "# R36 (release), REVISION: 4.3, ..." is L4T 36.4.3. None for any other text."""
    found = _RELEASE.search(text)
    if found is None:
        return None
    major, minor, rest = found.groups()
    return Release(int(major), int(minor), f"L4T {major}.{minor}{rest}")


def release_here(root: Path = Path("/")) -> Release | None:
    """The release of this board; None if this is not a board or the release is unknown."""
    try:
        return release_of((root / RELEASE).read_text())
    except OSError:
        return None


def facts_of_board(back_end: str, root: Path = Path("/"), prefix: Path | None = None) -> BoardFacts | None:
    """Inspect this machine; None if it is not a Jetson. `prefix` is the Python environment, by default this one."""
    release = release_here(root)
    if release is None:
        return None
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    needed = {
        "the CUDA toolkit": (root / TOOLKIT / "nvcc").exists(),
        "TensorRT's Python module": any((root / "usr/lib").glob("python3*/dist-packages/tensorrt")),
        "Python's headers": (root / f"usr/include/{python}/Python.h").exists(),
        "g++": shutil.which("g++") is not None,
    }
    module = JetsonSource(root).read()["module"]
    return BoardFacts(
        release=release,
        absent_packages=tuple(name for name, is_there in needed.items() if not is_there),
        is_virtual=((prefix or Path(sys.prefix)) / "pyvenv.cfg").exists(),
        sees_tensorrt=importlib.util.find_spec("tensorrt") is not None,
        nvcc=shutil.which("nvcc"),
        sees_pycuda=importlib.util.find_spec("pycuda") is not None,
        back_end=back_end,
        absent_tools=tuple(name for name in ("nvpmodel", "jetson_clocks") if shutil.which(name) is None),
        power=None if module is None else str(module["method"]),
    )


def steps_of_board(facts: BoardFacts) -> list[BoardStep]:
    """The steps in order; if one is missing, later ones may be missing because of it."""
    return [
        _jetpack(facts.release),
        _packages(facts),
        _environment(facts),
        BoardStep("nvcc", facts.nvcc) if facts.nvcc else BoardStep("nvcc", missing="not on PATH", command=PATH),
        _pycuda(facts),
        BoardStep("CUDA back end", missing=facts.back_end, command=BUILD)
        if facts.back_end
        else BoardStep("CUDA back end", "usable"),
        _power_modes(facts),
        BoardStep("power monitor", facts.power)
        if facts.power
        else BoardStep("power monitor", missing="no rail of the module is known, so there is no energy per call"),
    ]


def _jetpack(release: Release) -> BoardStep:
    if release.jetpack == "old JetPack":
        return BoardStep(
            "JetPack", missing=f"{release.text} has TensorRT 8, which is too old: flash JetPack 6.1 or later"
        )
    return BoardStep("JetPack", f"{release.jetpack}, {release.text}")


def _packages(facts: BoardFacts) -> BoardStep:
    if facts.absent_packages:
        return BoardStep("packages", missing=f"without {', '.join(facts.absent_packages)}", command=PACKAGES)
    return BoardStep("packages", "CUDA toolkit, TensorRT's Python module, Python's headers, g++")


def _environment(facts: BoardFacts) -> BoardStep:
    if not facts.is_virtual:
        return BoardStep("environment", missing="no virtual environment", command=ENVIRONMENT)
    if not facts.sees_tensorrt:
        return BoardStep("environment", missing="this Python does not see the system's TensorRT", command=ENVIRONMENT)
    return BoardStep("environment", "sees the system's packages")


def _pycuda(facts: BoardFacts) -> BoardStep:
    if facts.sees_pycuda:
        return BoardStep("PyCUDA", "installed")
    return BoardStep("PyCUDA", missing="not installed", command=INSTALL.get(facts.release.jetpack, ""))


def _power_modes(facts: BoardFacts) -> BoardStep:
    if facts.absent_tools:
        return BoardStep("power modes", missing=f"without {' and '.join(facts.absent_tools)}", command=PACKAGES)
    as_whom = "as root" if os.geteuid() == 0 else "with sudo"
    return BoardStep("power modes", f"nvpmodel and jetson_clocks, {as_whom}")
