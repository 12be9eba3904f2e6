"""Peak memory of a block of work: the process's resident set on a CPU, the allocator's maximum on CUDA."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

CLEAR_PEAK = "5"  # proc(5): writing 5 to clear_refs resets the peak resident set size ("high water mark")


class PeakMemory:
    """Context manager; afterwards `peak_bytes` is the peak within the block, or None where it cannot be measured.

    On a CPU it is the resident memory of the whole process, including interpreter and libraries. On CUDA it is the
    maximum that torch's allocator held for tensors; the memory of other engines there cannot be measured.
    """

    def __init__(self, device: str = "cpu", *, is_torch: bool = True) -> None:
        self.peak_bytes: int | None = None
        self._torch = sys.modules.get("torch") if is_torch else None
        self._device = device

    def __enter__(self) -> PeakMemory:
        if self._device.startswith("cuda"):
            if self._torch is not None:
                self._torch.cuda.init()  # a reset does not initialize, and fails in a process that has not used its GPU
                self._torch.cuda.reset_peak_memory_stats(self._device)
            return self
        try:
            Path("/proc/self/clear_refs").write_text(CLEAR_PEAK)
            self._cleared = True
        except OSError:  # without the reset, the peak would be that of the process's whole life
            self._cleared = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._device.startswith("cuda"):
            if self._torch is not None:
                self.peak_bytes = self._torch.cuda.max_memory_allocated(self._device)
        elif self._cleared:
            self.peak_bytes = _peak_resident_bytes()


def _peak_resident_bytes() -> int | None:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None
