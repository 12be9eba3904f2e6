"""Free memory, and whether one more of what takes it still fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .telemetry.source import Folder

SHARE = 0.5  # of what was free at first: others need memory too, and what is loaded may grow


def free_host_bytes(root: Path = Path("/")) -> int | None:
    """Memory that can be had without swapping, by the kernel's estimate and the limit of the control group."""
    folder = Folder(root)
    available = _number_of(folder.text("proc/meminfo"), "MemAvailable:")
    found = [] if available is None else [available * 1024]
    limit, used = folder.text("sys/fs/cgroup/memory.max"), folder.number("sys/fs/cgroup/memory.current")
    if limit is not None and limit.isdigit() and used is not None:
        cached = _number_of(folder.text("sys/fs/cgroup/memory.stat"), "inactive_file") or 0
        found.append(max(0, int(limit) - used + cached))
    return min(found, default=None)


class MemoryRoom:
    """Whether one more fits beside those that are loaded, by the most that one of them was seen to take.

    All together may fill SHARE of what was free at first. Where `free_bytes` tells nothing, nothing more fits.
    """

    def __init__(self, free_bytes: Callable[[], int | None]) -> None:
        self._free_bytes = free_bytes
        self._first = self._last = free_bytes()
        self._largest = 0

    def took(self) -> None:
        """One more is loaded and has run."""
        free = self._free_bytes()
        if free is not None and self._last is not None:
            self._largest = max(self._largest, self._last - free)
        self._last = free

    def has_room(self) -> bool:
        """Whether one more is within the share."""
        if self._first is None or self._last is None:
            return False
        return self._last - self._largest >= (1 - SHARE) * self._first


def _number_of(text: str | None, field: str) -> int | None:
    """The number behind a word at the beginning of a line."""
    for line in (text or "").splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == field and words[1].isdigit():
            return int(words[1])
    return None
