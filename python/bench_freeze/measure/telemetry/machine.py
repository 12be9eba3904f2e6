"""All telemetry sources of this machine, what they say about a run, and the best counter of its energy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..free_memory import free_host_bytes
from ..sampler import Guard
from ..verdict import Conditions
from .board_commands import read_board_commands
from .cgroup import CgroupSource, cgroup_conditions, quota_note
from .cpu import CpuSource, cpu_conditions
from .energy import EnergyCounter, PowerIntegral
from .jetson import JetsonSource
from .nvml import NvmlEnergy, NvmlGpu, gpu_conditions, nvml_index, open_gpus
from .rapl import RaplCounter
from .source import Source, read_all

# The fields of a reading that may change from moment to moment and bear on speed.
MOMENTARY = frozenset(
    {"clocks_mhz", "sm_clock_mhz", "memory_clock_mhz", "devfreq", "event_reasons", "temperature_c", "power_w", "module"}
    | {"load_average", "at_s", "busy_s", "own_s"}
)


class MachineTelemetry:
    """Reads a machine's state before and after a run.

    `missing` gives a reason for every source that is unavailable, and `notes` holds warnings about the machine. Sources
    are looked up once. `device` selects the GPU whose energy counts. `threads` is the engine's number of threads, by
    default one per usable core.
    """

    def __init__(self, device: str = "cpu", threads: int | None = None) -> None:
        self._device = device
        self._threads = threads or len(os.sched_getaffinity(0))
        self._gpus, no_gpu = open_gpus()
        self._jetson = JetsonSource()
        self._rapl = RaplCounter()
        self.missing: dict[str, str] = {} if no_gpu is None else {"nvml": no_gpu}
        cgroup = CgroupSource()
        note = quota_note(cgroup.read(), self._threads)
        self.notes: tuple[str, ...] = () if note is None else (note,)
        self.sources: list[Source] = [CpuSource(), cgroup, *self._gpus]
        if self._jetson.present:
            self.sources.append(self._jetson)
        else:
            self.missing["jetson"] = "this is not a Jetson"
        if (reason := self._rapl.why_not()) is not None:
            self.missing["rapl"] = reason

    def read(self) -> dict[str, Any]:
        """The state now; on a Jetson it includes the power mode and whether the clocks are locked."""
        state: dict[str, Any] = read_all(self.sources)
        if self._jetson in self.sources:
            state["jetson"] |= read_board_commands()
        return state

    def moment(self) -> dict[str, Any]:
        """Clocks, load and temperatures now: a part of `read` small enough to store for every round."""
        gpu = self._gpu()
        state = read_all(source for source in self.sources if source is gpu or source not in self._gpus)
        return {name: {k: v for k, v in found.items() if k in MOMENTARY} for name, found in state.items()}

    def free_bytes(self) -> int | None:
        """Free memory of the device in bytes; None where it cannot be read."""
        if not self._device.startswith("cuda"):
            return free_host_bytes()
        gpu = self._gpu()
        return None if gpu is None else gpu.free_bytes()

    def conditions(self, before: dict[str, Any], after: dict[str, Any]) -> Conditions:
        """Judge the run between two readings."""
        found = [
            cpu_conditions(before["cpu"], after["cpu"]),
            cgroup_conditions(before["cgroup"], after["cgroup"], self._threads),
        ]
        if (gpu := self._gpu()) is not None:
            found.append(gpu_conditions(gpu.name, before[gpu.name], after[gpu.name]))
        elif self._device.startswith("cuda"):
            found.append(Conditions(ambiguous=(f"nothing here shows whether {self._device} was throttled or shared",)))
        return Conditions(
            tuple(reason for c in found for reason in c.invalid), tuple(reason for c in found for reason in c.ambiguous)
        )

    def clock_guard(self) -> Guard | None:
        """A guard that rejects samples while the GPU runs below its clock; None where no expected clock is known."""
        gpu = self._gpu()
        expected = gpu.expected_clock_mhz() if gpu is not None else None
        return gpu.clock_guard(expected) if gpu is not None and expected else None

    @contextmanager
    def energy_counter(self) -> Iterator[EnergyCounter | None]:
        """The counter that covers the device: the GPU's own, a Jetson's rails, or RAPL; None where there is none."""
        gpu = self._gpu()
        if gpu is not None and gpu.energy_j() is not None:
            yield NvmlEnergy(gpu)
        elif self._jetson in self.sources and self._jetson.watts() is not None:
            with PowerIntegral(self._jetson.watts, f"module power of the Jetson ({self._rail_method()})") as counter:
                yield counter
        elif gpu is None and self._rapl.why_not() is None:
            yield self._rapl
        else:
            yield None

    def _gpu(self) -> NvmlGpu | None:
        if not self._device.startswith("cuda"):
            return None
        index = nvml_index(self._device, os.environ.get("CUDA_VISIBLE_DEVICES"), [gpu.uuid() for gpu in self._gpus])
        return None if index is None else self._gpus[index]

    def _rail_method(self) -> str:
        module = self._jetson.read()["module"]
        return str(module["method"]) if module else "unknown"
