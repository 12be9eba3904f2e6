"""How many cores this process has: what sizes every pool of threads and processes."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Cores that this process may run on; those of the machine where the system binds none to a process (macOS)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
