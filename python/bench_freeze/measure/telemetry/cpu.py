"""The processor's model, frequency governor, clocks, load and temperatures, from /proc and /sys."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ..verdict import Conditions
from .source import Folder
from .thermal import read_zones

OTHERS_SHARE = 0.1  # of the usable cores' time
STEAL_SHARE = 0.01
BUSY_FIELDS = (0, 1, 2, 5, 6, 7)  # of a line of /proc/stat: user, nice, system, irq, softirq, steal
STEAL_FIELD = 7


class CpuSource:
    """The processors of this machine."""

    name = "cpu"

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def read(self) -> dict[str, Any]:
        """See Source.read; `load_average` covers 1, 5 and 15 minutes, and seconds are summed over the usable cores."""
        folder = Folder(self._root)
        policies = folder.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq")
        clocks = [folder.number(policy / "scaling_cur_freq") for policy in policies]
        busy_s, steal_s = _core_seconds(folder)
        load = (folder.text("proc/loadavg") or "").split()[:3]
        zones, gated = read_zones(folder)
        return {
            "model": _model(folder),
            "usable_cores": len(os.sched_getaffinity(0)),
            "governors": sorted({g for p in policies if (g := folder.text(p / "scaling_governor")) is not None}),
            "clocks_mhz": [None if khz is None else khz // 1000 for khz in clocks],
            "load_average": [float(x) for x in load] or None,
            "at_s": time.monotonic(),
            "busy_s": busy_s,
            "steal_s": steal_s,
            "own_s": time.process_time(),
            "temperatures_c": zones,
            "gated_sensors": gated,
            "unreadable": folder.unreadable,
        }


def cpu_conditions(before: dict[str, Any], after: dict[str, Any]) -> Conditions:
    """Judge the run between two readings by the share of the cores' time that others used.

    The load average would be worse: it still includes what this process itself did a minute ago.
    """
    available_s = (after["at_s"] - before["at_s"]) * after["usable_cores"]
    if before["busy_s"] is None or after["busy_s"] is None or not available_s > 0:
        return Conditions()
    ambiguous = []
    others = (after["busy_s"] - before["busy_s"] - (after["own_s"] - before["own_s"])) / available_s
    if others > OTHERS_SHARE:
        ambiguous.append(f"other processes used {others:.0%} of the cores' time during the run")
    stolen = (after["steal_s"] - before["steal_s"]) / available_s
    if stolen > STEAL_SHARE:
        ambiguous.append(f"the hypervisor gave {stolen:.0%} of the cores' time to other machines")
    return Conditions(ambiguous=tuple(ambiguous))


def _core_seconds(folder: Folder) -> tuple[float | None, float | None]:
    """Seconds since boot that this process's cores were busy, and the part of them that was stolen."""
    usable = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    lines = [line.split() for line in (folder.text("proc/stat") or "").splitlines()]
    cores = [[int(ticks) for ticks in line[1:]] for line in lines if line and line[0] in usable]
    if not cores or min(map(len, cores)) <= STEAL_FIELD:
        return None, None
    per_s = os.sysconf("SC_CLK_TCK")
    busy = sum(core[field] for core in cores for field in BUSY_FIELDS)
    return busy / per_s, sum(core[STEAL_FIELD] for core in cores) / per_s


def _model(folder: Folder) -> str | None:
    for line in (folder.text("proc/cpuinfo") or "").splitlines():
        if line.startswith(("model name", "Hardware", "Model")):
            return line.partition(":")[2].strip()
    return folder.text("proc/device-tree/model")
