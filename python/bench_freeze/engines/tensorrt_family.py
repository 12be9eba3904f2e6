"""The TensorRT family: which member is installed, and in what the members differ.

Every member has the same Python interface; what differs is in the table below, and nowhere else. Importing one is
harmless on any machine. Its Runtime is not: made without a driver it crashes the process when it is used or freed, so
whoever makes one asks `cuda_driver_error` first.
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
    ahead_of_time: bool = False  # builds for a GPU that need not be there
    timing_cache: bool = True
    version_compatible: bool = True
    hardware_compatibility: bool = True
    dla: bool = True
    user_allocation: bool = False  # a CUDA graph needs plans that are built for it
    oldest: int = 10  # major version; before 10 there were no strongly typed networks (JetPack 6.0 has 8.6)


_RTX: dict[str, Any] = {
    "title": "TensorRT for RTX",
    "ahead_of_time": True,
    "timing_cache": False,  # its calls do nothing since 1.2
    "version_compatible": False,  # needs a lean runtime that it does not come with
    "hardware_compatibility": False,  # compute capabilities are named instead
    "dla": False,
    "user_allocation": True,
    "oldest": 1,
}
_LEAN: dict[str, Any] = {"title": "TensorRT lean runtime", "builds": False}
FAMILY = (
    Member("tensorrt", "TensorRT"),
    Member("tensorrt_rtx", **_RTX),
    Member("tensorrt_rtx_bindings", **_RTX),  # what its two wheels alone import as
    Member("tensorrt_lean", **_LEAN),
    Member("tensorrt_lean_bindings", **_LEAN),
)


@dataclass(frozen=True)
class TensorRT:
    """An installed member, imported."""

    member: Member
    version: str
    api: ModuleType

    @property
    def major(self) -> int:
        """10 and 11 for TensorRT; TensorRT for RTX counts on its own."""
        return int(self.version.partition(".")[0])

    def __str__(self) -> str:
        return f"{self.member.title} {self.version}"


@cache
def installed() -> tuple[TensorRT, ...]:
    """Every member that is installed and loads, the most capable first; one under two names counts once."""
    found: dict[str, TensorRT] = {}
    for member in FAMILY:
        try:
            module = importlib.import_module(member.module)
        except ImportError:  # not installed, or its libraries are not: then it is of no use either
            continue
        version = getattr(module, "__version__", None)
        if version is not None:  # `tensorrt` may be a folder of that name, or a stub that found no libraries
            here = TensorRT(member, str(version), module)
            if here.major >= member.oldest:
                found.setdefault(member.title, here)
    return tuple(found.values())


def broken() -> tuple[str, ...]:
    """Members that are installed and cannot be used, each with its reason."""
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
    """The member that builds: for this machine's GPU, or ahead of time for the capability of another.

    Raises InputError with the line that installs one.
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
    """The member that runs a plan here: the one of the title that built it where it is installed, else the first.

    Raises InputError with the line that installs one.
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
    """A key of INSTALL: "server" is a machine with an NVIDIA driver that is not a board.

    A board that does not tell its release is known by its model.
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
    """The command that installs what this kind of machine lacks."""
    return INSTALL[machine_kind()]
