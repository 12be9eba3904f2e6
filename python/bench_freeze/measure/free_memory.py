"""Free memory, and whether one more engine still fits into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .telemetry.source import Folder

SHARE = 0.5  # of the memory that was free at first: other processes need some too, and a loaded engine may grow


def free_host_bytes(root: Path = Path("/")) -> int | None:
    """Bytes available without swapping: the lower of the kernel's estimate and the control group's limit, or None."""
    folder = Folder(root)
    available = _number_of(folder.text("proc/meminfo"), "MemAvailable:")
    found = [] if available is None else [available * 1024]
    limit, used = folder.text("sys/fs/cgroup/memory.max"), folder.number("sys/fs/cgroup/memory.current")
    if limit is not None and limit.isdigit() and used is not None:
        cached = _number_of(folder.text("sys/fs/cgroup/memory.stat"), "inactive_file") or 0
        found.append(max(0, int(limit) - used + cached))
    return min(found, default=None)


class MemoryRoom:
    """Decides whether one more engine fits next to the loaded ones, judged by the largest of them so far.

    Together they may fill SHARE of the memory that was free at first. Where `free_bytes` returns None, nothing more
    fits.
    """

    def __init__(self, free_bytes: Callable[[], int | None]) -> None:
        self._free_bytes = free_bytes
        self._first = self._last = free_bytes()
        self._largest = 0

    def took(self) -> None:
        """Record that one more engine is loaded and has run."""
        free = self._free_bytes()
        if free is not None and self._last is not None:
            self._largest = max(self._largest, self._last - free)
        self._last = free

    def has_room(self) -> bool:
        """Whether one more engine stays within the share."""
        if self._first is None or self._last is None:
            return False
        return self._last - self._largest >= (1 - SHARE) * self._first


def _number_of(text: str | None, field: str) -> int | None:
    """The number that follows `field` at the beginning of a line."""
    for line in (text or "").splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == field and words[1].isdigit():
            return int(words[1])
    return None
