"""A folder with Debian's Python for aarch64, and the programs that run and compile for it.

Nothing is installed: apt works on lists and a package state of its own (Architecture arm64, nothing installed yet), so
it resolves what Python needs and downloads that; the packages are unpacked below the work folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# libpython3-dev has the headers for the extension.
PACKAGES = ("python3", "libpython3-dev", "libstdc++6")
COMPILER, DISASSEMBLER, EMULATOR = "aarch64-linux-gnu-g++", "aarch64-linux-gnu-objdump", "qemu-aarch64-static"
DEBIAN = "sudo apt-get install g++-aarch64-linux-gnu qemu-user-static cmake"


class Missing(Exception):
    """A sentence: what this machine lacks, and what brings it."""


# The interpreter takes the script for itself (-0), so a test that starts sys.executable starts the emulator again: the
# kernel need not know the processor (binfmt_misc).
PYTHON = """#!/bin/sh
export PYTHONHOME={root}/usr
exec {emulator} -L {root} -0 "$0" {root}/usr/bin/python3 "$@"
"""


@dataclass(frozen=True)
class System:
    """The unpacked Debian below `work`."""

    work: Path

    @property
    def root(self) -> Path:
        """Where the packages are unpacked."""
        return self.work / "system"

    @property
    def python(self) -> Path:
        """CPython for aarch64, in its emulator."""
        return self.work / "bin/python3"


def require_programs() -> None:
    """Raise Missing for the first program that is not on PATH."""
    for program in (EMULATOR, COMPILER, DISASSEMBLER, "apt-get", "dpkg-deb", "cmake"):
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed; on Debian: {DEBIAN}")


def unpacked(work: Path) -> System:
    """The system below `work`, made where it is not there yet. Raises Missing where Debian's packages cannot be had."""
    system = System(work)
    if not system.root.exists():
        unfinished = work / "system.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        for package in downloaded(work / "apt"):
            run(["dpkg-deb", "--extract", str(package), str(unfinished)])
        unfinished.rename(system.root)
    system.python.parent.mkdir(exist_ok=True)
    system.python.write_text(PYTHON.format(root=system.root, emulator=shutil.which(EMULATOR)))
    system.python.chmod(0o755)
    machine = run([str(system.python), "-c", "import platform; print(platform.machine())"]).strip()
    if machine != "aarch64":
        raise Missing(f"{system.python} says that it runs on {machine}")
    return system


def downloaded(folder: Path) -> list[Path]:
    """Debian's packages for arm64 that PACKAGES are made of, all dependencies included."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    options = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Install-Recommends": "false",
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Log": folder,
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", "--quiet", "--yes", *(f"--option={name}={value}" for name, value in options.items())]
    try:
        run([*apt, "update"])
        run([*apt, "--download-only", "install", *PACKAGES])
    except subprocess.CalledProcessError as error:
        raise Missing(f"apt cannot get Debian's {' '.join(PACKAGES)} for arm64: {error.output[-400:]}") from error
    return sorted((folder / "cache/archives").glob("*.deb"))


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What a command prints, both streams; raises CalledProcessError, which has it too."""
    done = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout
