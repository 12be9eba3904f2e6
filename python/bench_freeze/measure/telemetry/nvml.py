"""An NVIDIA GPU through NVML (nvidia-ml-py): clocks, temperature, power, energy, throttling, other processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import MeasurementError
from ..verdict import Conditions

# Constants from nvml.h, so that recorded answers replay without the package.
CLOCK_SM, CLOCK_MEMORY = 1, 2
SENSOR_GPU = 0
VIOLATIONS = {"power": 0, "thermal": 1, "board_limit": 3, "low_utilization": 4, "reliability": 5}
UNCORRECTED, VOLATILE = 1, 0
FIRST_VIOLATION_FIELD = 74  # NVML_FI_DEV_PERF_POLICY_POWER; the fields of the other policies follow in their order

# Bits of the clock-event reasons. 0x2 (a clock set by a user) is often mistaken for throttling.
REASONS = {
    0x1: "idle",
    0x2: "application clocks set",
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "thermal slowdown (software)",
    0x40: "thermal slowdown (hardware)",
    0x80: "power brake",
    0x100: "display clock",
}
SLOWDOWNS = 0x8 | 0x20 | 0x40 | 0x80
EXPECTED_CLOCK_SHARE = 0.75  # nvbench rejects samples below this share of the expected clock


class NvmlGpu:
    """One GPU by its index; `api` is the pynvml module, or recorded answers with the same functions.

    A query that the GPU does not support returns None; a GPU that is lost raises MeasurementError.
    """

    def __init__(self, index: int, api: Any) -> None:
        self.name = f"gpu{index}"
        self.index = index
        self._api = api
        self._handle = self._need("nvmlDeviceGetHandleByIndex", index)

    def read(self) -> dict[str, Any]:
        """See Source.read. Power in watts, energy in joules since the driver was loaded, violations in seconds."""
        ask, handle = self._ask, self._handle
        milliwatt = ask("nvmlDeviceGetPowerUsage", handle)
        reasons = ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
        memory = ask("nvmlDeviceGetMemoryInfo", handle)
        utilization = ask("nvmlDeviceGetUtilizationRates", handle)
        return {
            "model": _text(ask("nvmlDeviceGetName", handle)),
            "uuid": self.uuid(),
            "driver": _text(ask("nvmlSystemGetDriverVersion")),
            "sm_clock_mhz": self.sm_clock_mhz(),
            "sm_clock_expected_mhz": self.expected_clock_mhz(),
            "sm_clock_max_mhz": ask("nvmlDeviceGetMaxClockInfo", handle, CLOCK_SM),
            "memory_clock_mhz": ask("nvmlDeviceGetClockInfo", handle, CLOCK_MEMORY),
            "temperature_c": self._temperature_c(),
            "power_w": None if milliwatt is None else milliwatt / 1000,
            "energy_j": self.energy_j(),
            "event_reasons": None if reasons is None else [text for bit, text in REASONS.items() if reasons & bit],
            "event_reasons_mask": reasons,
            "violations_s": {name: self._violation_s(policy) for name, policy in VIOLATIONS.items()},
            "other_processes": self._other_processes(),
            "mig": _switch(ask("nvmlDeviceGetMigMode", handle)),
            "ecc": _switch(ask("nvmlDeviceGetEccMode", handle)),
            "ecc_uncorrected": ask("nvmlDeviceGetTotalEccErrors", handle, UNCORRECTED, VOLATILE),
            "persistence": _switch(ask("nvmlDeviceGetPersistenceMode", handle)),
            "memory_used_bytes": None if memory is None else int(memory.used),
            "memory_total_bytes": None if memory is None else int(memory.total),
            "utilization_percent": None if utilization is None else int(utilization.gpu),
        }

    def uuid(self) -> str | None:
        """The GPU's unique identifier, which does not depend on the order of devices."""
        return _text(self._ask("nvmlDeviceGetUUID", self._handle))

    def free_bytes(self) -> int | None:
        """Unallocated memory in bytes."""
        memory = self._ask("nvmlDeviceGetMemoryInfo", self._handle)
        return None if memory is None else int(memory.free)

    def energy_j(self) -> float | None:
        """The energy counter in joules; it moves about every 100 ms."""
        millijoule = self._ask("nvmlDeviceGetTotalEnergyConsumption", self._handle)
        return None if millijoule is None else millijoule / 1000

    def sm_clock_mhz(self) -> int | None:
        """The current clock of the multiprocessors."""
        clock = self._ask("nvmlDeviceGetClockInfo", self._handle, CLOCK_SM)
        return None if clock is None else int(clock)

    def expected_clock_mhz(self) -> int | None:
        """The clock that the multiprocessors are set to hold under load: the application clock, not the boost clock.

        None on drivers without application clocks (CUDA 14 removes them). No sample is then rejected for its clock, and
        only event reasons and violations reveal throttling.
        """
        clock = self._ask("nvmlDeviceGetApplicationsClock", self._handle, CLOCK_SM)
        return int(clock) if clock else None

    def clock_guard(self, expected_mhz: float) -> Callable[[float], str | None]:
        """A sampler's guard: rejects samples while the clock is below EXPECTED_CLOCK_SHARE of `expected_mhz`."""

        def guard(duration_s: float) -> str | None:
            clock = self.sm_clock_mhz()
            slow = clock is not None and clock < EXPECTED_CLOCK_SHARE * expected_mhz
            return f"{self.name} ran below {EXPECTED_CLOCK_SHARE:.0%} of its clock" if slow else None

        return guard

    def _temperature_c(self) -> int | None:
        """Degrees Celsius, from the newer call where the driver lacks the older one (deprecated in CUDA 13.0)."""
        found = self._ask("nvmlDeviceGetTemperature", self._handle, SENSOR_GPU)
        if found is None:
            found = self._ask("nvmlDeviceGetTemperatureV", self._handle, SENSOR_GPU)
        return None if found is None else int(found)

    def _violation_s(self, policy: int) -> float | None:
        """Seconds that a policy held the clocks down, from field values if the call (deprecated in CUDA 13) fails."""
        status = self._ask("nvmlDeviceGetViolationStatus", self._handle, policy)
        if status is not None:
            return float(status.violationTime * 1e-9)
        fields = self._ask("nvmlDeviceGetFieldValues", self._handle, [FIRST_VIOLATION_FIELD + policy])
        if not fields or fields[0].nvmlReturn != 0:
            return None
        return float(fields[0].value.ullVal * 1e-9)

    def _other_processes(self) -> list[int] | None:
        lists = [self._ask(f"nvmlDeviceGet{kind}RunningProcesses", self._handle) for kind in ("Compute", "Graphics")]
        if all(found is None for found in lists):
            return None
        return sorted({int(p.pid) for found in lists for p in found or ()} - {os.getpid()})

    def _ask(self, function: str, *arguments: Any) -> Any:
        """The answer to a query; None where this GPU, driver or package does not support it."""
        try:
            return getattr(self._api, function)(*arguments)
        except AttributeError:
            return None  # an older nvidia-ml-py
        except self._api.NVMLError as error:
            if type(error).__name__ == "NVMLError_GpuIsLost":
                raise MeasurementError(
                    f"{self.name} disappeared during the run (NVML: {error}); see the kernel's log, and measure again."
                ) from error
            return None

    def _need(self, function: str, *arguments: Any) -> Any:
        try:
            return getattr(self._api, function)(*arguments)
        except self._api.NVMLError as error:
            raise MeasurementError(f"{self.name} does not answer (NVML: {error}).") from error


class NvmlEnergy:
    """A GPU's own energy counter."""

    method = "NVML energy counter of the GPU"

    def __init__(self, gpu: NvmlGpu) -> None:
        self._gpu = gpu

    def joules(self) -> float:
        """Joules since the driver was loaded. Raises MeasurementError for a GPU without a counter."""
        energy = self._gpu.energy_j()
        if energy is None:
            raise MeasurementError(f"{self._gpu.name} has no energy counter.")
        return energy


def open_gpus() -> tuple[list[NvmlGpu], str | None]:
    """Every GPU that NVML shows; without NVML, the reason (no package, no driver)."""
    try:
        import pynvml
    except ImportError:
        return [], "nvidia-ml-py is not installed"
    try:
        pynvml.nvmlInit()
        return [NvmlGpu(index, pynvml) for index in range(pynvml.nvmlDeviceGetCount())], None
    except pynvml.NVMLError as error:
        return [], f"NVML does not answer: {error}"


def gpu_conditions(name: str, before: dict[str, Any], after: dict[str, Any]) -> Conditions:
    """Judge a run by the readings around it: slowdowns make it invalid, power caps and other processes ambiguous."""
    invalid, ambiguous = [], []
    slowed = ((before["event_reasons_mask"] or 0) | (after["event_reasons_mask"] or 0)) & SLOWDOWNS
    invalid += [f"{name} was throttled: {REASONS[bit]}" for bit in REASONS if slowed & bit]
    moved = {
        policy: later - earlier
        for policy, earlier in before["violations_s"].items()
        if earlier is not None and (later := after["violations_s"][policy]) is not None and later > earlier
    }
    for policy, seconds in moved.items():
        if policy in ("thermal", "reliability"):
            invalid.append(f"{name} was held below its clocks for {seconds:.3f} s ({policy})")
        elif policy in ("power", "board_limit"):
            ambiguous.append(f"{name} was held below its clocks for {seconds:.3f} s ({policy})")
    if after["event_reasons_mask"] is None and not any(v is not None for v in after["violations_s"].values()):
        ambiguous.append(f"{name} does not report whether it was throttled")
    if others := sorted({*(before["other_processes"] or ()), *(after["other_processes"] or ())}):
        ambiguous.append(f"other processes were on {name}: {', '.join(map(str, others))}")
    return Conditions(tuple(invalid), tuple(ambiguous))


def nvml_index(device: str, visible: str | None, uuids: Sequence[str | None]) -> int | None:
    """The NVML index of a CUDA device: `visible` is CUDA_VISIBLE_DEVICES, `uuids` are NVML's, in its order.

    None where no GPU matches. Numbers are taken as NVML indices, which follow the PCI bus; CUDA uses the same order
    when CUDA_DEVICE_ORDER is PCI_BUS_ID or all GPUs are the same model.
    """
    number = int(device.partition(":")[2] or 0)
    if visible is None:
        return number if number < len(uuids) else None
    entries = [entry.strip() for entry in visible.split(",") if entry.strip()]
    if number >= len(entries):
        return None
    entry = entries[number]
    if entry.isdigit():
        return int(entry) if int(entry) < len(uuids) else None
    return next((i for i, uuid in enumerate(uuids) if uuid is not None and uuid.startswith(entry)), None)


def _text(value: Any) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def _switch(value: Any) -> bool | None:
    """Whether a mode is on; MIG and ECC answer [current, pending]."""
    if value is None:
        return None
    return bool(value[0] if isinstance(value, (list, tuple)) else value)
