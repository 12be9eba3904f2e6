"""The output of `nvpmodel -q` and `jetson_clocks --show` on a Jetson, as values."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from typing import Any

from ...errors import InputError

TIMEOUT_SECONDS = 10.0

_MODE = re.compile(r"NV Power Mode:\s*(\S+)(?:\s*\n\s*(\d+))?")
_CLOCKS = re.compile(
    r"^\s*([\w-]+):?\s.*?MinFreq=(\d+)\s+MaxFreq=(\d+)\s+CurrentFreq=(\d+)(?:\s+FreqOverride=(\d+))?", re.MULTILINE
)
_ONLINE = re.compile(r"^\s*(\w+):\s+Online=(\d)", re.MULTILINE)


@dataclass(frozen=True)
class PowerMode:
    """A power mode of nvpmodel: its name and, where it is known, its number."""

    name: str
    number: int | None


@dataclass(frozen=True)
class Clocks:
    """Limits and current clock of one part, in the tool's unit: kHz for processors, Hz for GPU and memory."""

    minimum: int
    maximum: int
    current: int
    override: bool | None = None  # whether the memory clock is held at `current`; None where the tool does not say

    @property
    def is_locked(self) -> bool:
        """Whether the clock is fixed.

        Up to L4T 36 the minimum clock of the memory stays as it was, and an override holds the clock. Engines (DLA,
        PVA) have a minimum of 0: jetson_clocks leaves them alone, and the driver sets their clocks when they work.
        """
        return self.minimum == self.maximum or self.minimum == 0 or bool(self.override)


@dataclass(frozen=True)
class LockedClocks:
    """Parts by name; `hold` says whether jetson_clocks is in force, so that no part's clock can drop."""

    parts: dict[str, Clocks]
    hold: bool


def parse_power_mode(text: str) -> PowerMode:
    """Parse the output of `nvpmodel -q`. Raises InputError, quoting the text, if it names no mode."""
    found = _MODE.search(text)
    if found is None:
        raise InputError(f"nvpmodel -q: there is no power mode in {text[:80]!r}.")
    return PowerMode(found.group(1), int(found.group(2)) if found.group(2) else None)


def parse_clocks(text: str) -> LockedClocks:
    """Parse the output of `jetson_clocks --show`, ignoring cores that are off. Raises InputError without clocks."""
    off = {name for name, online in _ONLINE.findall(text) if online == "0"}
    parts = {
        name: Clocks(int(low), int(high), int(now), bool(int(override)) if override else None)
        for name, low, high, now, override in _CLOCKS.findall(text)
        if name not in off
    }
    if not parts:
        raise InputError(f"jetson_clocks --show: there are no clocks in {text[:80]!r}.")
    return LockedClocks(parts, all(clocks.is_locked for clocks in parts.values()))


def read_board_commands() -> dict[str, Any]:
    """Both commands' answers, with the reason where one is missing or refuses (jetson_clocks needs root)."""
    mode, no_mode = _answer("nvpmodel", "-q")
    clocks, no_clocks = _answer("jetson_clocks", "--show")
    return {
        "power_mode": asdict(parse_power_mode(mode)) if mode is not None else None,
        "power_mode_missing": no_mode,
        "jetson_clocks": asdict(parse_clocks(clocks)) if clocks is not None else None,
        "jetson_clocks_missing": no_clocks,
    }


def _answer(program: str, option: str) -> tuple[str | None, str | None]:
    path = shutil.which(program)
    if path is None:
        return None, f"{program} is not installed"
    try:
        done = subprocess.run([path, option], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"{program} did not answer: {error}"
    if done.returncode != 0:
        return None, f"{program} refused: {' '.join((done.stderr or done.stdout).split())[:120]}"
    return done.stdout, None
