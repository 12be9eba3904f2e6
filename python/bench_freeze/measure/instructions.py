"""Instructions retired by this process, from the processor's own counter: perf_event_open(2) of Linux.

The count depends only on the work done, not on clock rates, caches or other processes. Busy waiting, as thread pools do
between two operators, counts as work. Virtual machines and containers often have no counter.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from types import TracebackType

_SYSCALLS = {"x86_64": 298, "aarch64": 241}
_ATTRIBUTES = 128  # bytes of struct perf_event_attr, version 7
_HARDWARE, _INSTRUCTIONS = 0, 1
_INHERIT, _NO_KERNEL, _NO_HYPERVISOR = 1 << 1, 1 << 5, 1 << 6
_PARANOID = "/proc/sys/kernel/perf_event_paranoid"


class Instructions:
    """Counts the user-space instructions of this process, and of the threads it starts, from now on.

    Open it before an engine creates its threads. Where there is no counter, `reason` says why and `read` returns None.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._file = -1
        number = _SYSCALLS.get(platform.machine())
        if number is None:
            self.reason = f"instructions are not counted on {platform.machine()}"
            return
        attributes = bytearray(_ATTRIBUTES)
        struct.pack_into("=IIQ", attributes, 0, _HARDWARE, _ATTRIBUTES, _INSTRUCTIONS)
        struct.pack_into("=Q", attributes, 40, _INHERIT | _NO_KERNEL | _NO_HYPERVISOR)
        library = ctypes.CDLL(None, use_errno=True)
        buffer = (ctypes.c_char * _ATTRIBUTES).from_buffer(attributes)
        this_process, any_core, no_group, close_on_exec = 0, -1, -1, 8
        self._file = library.syscall(number, buffer, this_process, any_core, no_group, close_on_exec)
        if self._file < 0:
            self.reason = _why(ctypes.get_errno())

    def read(self) -> int | None:
        """Instructions since the counter was opened; None without a counter."""
        return None if self._file < 0 else int(struct.unpack("=Q", os.read(self._file, 8))[0])

    def close(self) -> None:
        """Release the counter."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def __enter__(self) -> Instructions:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _why(number: int) -> str:
    name = os.strerror(number).lower()
    if number in (1, 13):  # EPERM, EACCES
        return (
            f"the kernel does not let this user count instructions ({name}; {_PARANOID} is {_paranoid()}, 2 allows it)"
        )
    if number in (2, 19, 95):  # ENOENT, ENODEV, EOPNOTSUPP
        return f"this machine has no counter of instructions ({name}), like most virtual machines"
    return f"instructions cannot be counted ({name})"


def _paranoid() -> str:
    try:
        with open(_PARANOID, encoding="ascii") as stream:  # noqa: PTH123
            return stream.read().strip()
    except OSError:
        return "unknown"
