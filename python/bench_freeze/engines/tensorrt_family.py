"""The TensorRT family: which member is installed, and how the members differ.

All members have the same Python interface; the differences are in the table below and nowhere else. Importing a member
is safe on any machine. Creating its Runtime is not: without a driver, it crashes the process when it is used or freed.
Always call `cuda_driver_error` first.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from ..environment import board_model
from ..errors import InputError
from .cuda_driver import cuda_driver_error
from .jetpack import PACKAGES, release_here


@dataclass(frozen=True)
class Member:
    """One module of the family."""

    module: str
    title: str
    builds: bool = True
    ahead_of_time: bool = False  # can build for a GPU that is not present
    timing_cache: bool = True
    version_compatible: bool = True
    hardware_compatibility: bool = True
    dla: bool = True
    user_allocation: bool = False  # CUDA graphs need plans that were built for them
    oldest: int = 10  # major version; strongly typed networks came with 10 (JetPack 6.0 has 8.6)


_RTX: dict[str, Any] = {
    "title": "TensorRT for RTX",
    "ahead_of_time": True,
    "timing_cache": False,  # its calls have had no effect since 1.2
    "version_compatible": False,  # needs a lean runtime, which it lacks
    "hardware_compatibility": False,  # it takes a list of compute capabilities instead
    "dla": False,
    "user_allocation": True,
    "oldest": 1,
}
_LEAN: dict[str, Any] = {"title": "TensorRT lean runtime", "builds": False}
FAMILY = (
    Member("tensorrt", "TensorRT"),
    Member("tensorrt_rtx", **_RTX),
    Member("tensorrt_rtx_bindings", **_RTX),  # the module's name if only its two wheels are installed
    Member("tensorrt_lean", **_LEAN),
    Member("tensorrt_lean_bindings", **_LEAN),
)


@dataclass(frozen=True)
class TensorRT:
    """An installed and imported member."""

    member: Member
    version: str
    api: ModuleType

    @property
    def major(self) -> int:
        """The major version: 10 or 11 for TensorRT; TensorRT for RTX has its own numbering."""
        return int(self.version.partition(".")[0])

    def __str__(self) -> str:
        return f"{self.member.title} {self.version}"


@cache
def installed() -> tuple[TensorRT, ...]:
    """All members that are installed and load, the most capable first; one with two module names counts once."""
    found: dict[str, TensorRT] = {}
    for member in FAMILY:
        try:
            module = importlib.import_module(member.module)
        except ImportError:  # not installed, or without its libraries
            continue
        version = getattr(module, "__version__", None)
        if version is not None:  # else `tensorrt` is just a folder, or a stub without libraries
            here = TensorRT(member, str(version), module)
            if here.major >= member.oldest:
                found.setdefault(member.title, here)
    return tuple(found.values())


def broken() -> tuple[str, ...]:
    """The members that are installed but cannot be used, each with the reason."""
    problems = []
    for member in FAMILY:
        if importlib.util.find_spec(member.module) is None:
            continue
        try:
            module = importlib.import_module(member.module)
        except ImportError as error:
            problems.append(f"{member.module} does not load ({error})")
            continue
        version = getattr(module, "__version__", None)
        if version is not None and TensorRT(member, str(version), module).major < member.oldest:
            problems.append(
                f"{member.title} {version} is too old: {member.oldest}.0 is the first that can be used (JetPack has it "
                "from 6.1 on)"
            )
    return tuple(problems)


def builder_for(compute_capability: str | None) -> TensorRT:
    """The member that builds plans: for this machine's GPU, or ahead of time for a given compute capability.

    Raises InputError with the command that installs one if there is none.
    """
    builders = [found for found in installed() if found.member.builds]
    if compute_capability is not None:
        builders = [found for found in builders if found.member.ahead_of_time]
        wanted = "a plan for another GPU (--compute-capability) needs TensorRT for RTX"
        install = AHEAD_OF_TIME
    else:
        wanted, install = "building a plan needs TensorRT", install_line()
    if not builders:
        why = "; ".join(broken()) or "which is not installed"
        raise InputError(f"{wanted}, {why}; install it with: {install}.")
    return builders[0]


def runtime_member(built_with: str | None) -> TensorRT:
    """The member that runs a plan here: the one with the title that built it if it is installed, else the first.

    Raises InputError with the command that installs one if there is none.
    """
    found = installed()
    if not found:
        why = "; ".join(broken()) or "no TensorRT is installed"
        raise InputError(f"{why}; install it with: {install_line()}.")
    return next((member for member in found if member.member.title == built_with), found[0])


AHEAD_OF_TIME = "pip install --no-deps tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings"
_SERVER = "pip install 'bench-freeze[trt]'"
_JETPACK = (
    f"{PACKAGES}, then in a virtual environment made with --system-site-packages: pip install 'bench-freeze[{{extra}}]'"
)
INSTALL = {
    "server": _SERVER,
    "JetPack 6": _JETPACK.format(extra="jetpack6"),
    "JetPack 7": _JETPACK.format(extra="jetpack7"),
    "old JetPack": "a newer JetPack, 6.1 or later: the board's own has TensorRT 8",
    "no GPU": AHEAD_OF_TIME,
}


def machine_kind(root: Path = Path("/")) -> str:
    """The kind of this machine, a key of INSTALL: "server" is a machine with an NVIDIA driver that is not a board.

    A board with an unknown release is recognized by its model.
    """
    if release := release_here(root):
        return release.jetpack
    board = board_model() or ""
    if "Thor" in board:
        return "JetPack 7"
    if "Orin" in board:
        return "JetPack 6"
    return "server" if cuda_driver_error() is None else "no GPU"


def install_line() -> str:
    """The command that installs TensorRT on this kind of machine."""
    return INSTALL[machine_kind()]
