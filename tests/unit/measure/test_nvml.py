"""Recorded NVML answers: what a GPU says, what it does not support, and how it was held back."""

from types import SimpleNamespace

import pytest

from bench_freeze.errors import MeasurementError
from bench_freeze.measure.telemetry.machine import MachineTelemetry
from bench_freeze.measure.telemetry.nvml import NvmlEnergy, NvmlGpu, gpu_conditions, nvml_index


class NVMLError(Exception):
    pass


class NVMLError_NotSupported(NVMLError):
    pass


class NVMLError_GpuIsLost(NVMLError):
    pass


class RecordedNvml:
    """Answers by function name; an exception among them is raised, a function that is not there was never recorded."""

    NVMLError = NVMLError

    def __init__(self, **answers):
        self.answers = {"nvmlDeviceGetHandleByIndex": "handle", **answers}

    def __getattr__(self, name):
        if name not in self.answers:
            raise AttributeError(name)

        def function(*arguments):
            answer = self.answers[name]
            if callable(answer):
                answer = answer(*arguments)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return function


def server(**changes):
    return RecordedNvml(**{
        "nvmlDeviceGetName": b"NVIDIA L4", "nvmlDeviceGetUUID": "GPU-1", "nvmlSystemGetDriverVersion": "580.1",
        "nvmlDeviceGetClockInfo": lambda handle, kind: {1: 1500, 2: 6250}[kind],
        "nvmlDeviceGetMaxClockInfo": 2040, "nvmlDeviceGetTemperature": 51, "nvmlDeviceGetPowerUsage": 61_500,
        "nvmlDeviceGetTotalEnergyConsumption": 123_456, "nvmlDeviceGetCurrentClocksEventReasons": 0x2,
        "nvmlDeviceGetViolationStatus": lambda handle, policy: SimpleNamespace(violationTime=policy * 10**9),
        "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=2**22 + 7)],
        "nvmlDeviceGetGraphicsRunningProcesses": [], "nvmlDeviceGetMigMode": NVMLError_NotSupported(),
        "nvmlDeviceGetEccMode": [1, 1], "nvmlDeviceGetPersistenceMode": 0,
        **changes,
    })  # fmt: skip


def test_nvml_answers_and_what_a_gpu_does_not_support():
    state = NvmlGpu(3, server()).read()
    assert (state["model"], state["power_w"], state["energy_j"]) == ("NVIDIA L4", 61.5, 123.456)
    assert (state["sm_clock_mhz"], state["memory_clock_mhz"]) == (1500, 6250)
    assert state["violations_s"]["thermal"] == 1
    assert state["other_processes"] == [2**22 + 7]
    assert (state["mig"], state["ecc"], state["persistence"]) == (None, True, False)
    assert state["memory_used_bytes"] is None  # not among the recorded answers
    assert state["event_reasons"] == ["application clocks set"]


def test_set_application_clocks_are_no_throttling_but_slowdowns_are():
    calm = NvmlGpu(0, server(nvmlDeviceGetComputeRunningProcesses=[])).read()
    assert gpu_conditions("gpu0", calm, calm).invalid == ()
    assert gpu_conditions("gpu0", calm, calm).ambiguous == ()
    hot = NvmlGpu(0, server(nvmlDeviceGetCurrentClocksEventReasons=0x44)).read()
    assert gpu_conditions("gpu0", calm, hot).invalid == ("gpu0 was throttled: thermal slowdown (hardware)",)
    assert "other processes" in gpu_conditions("gpu0", calm, hot).ambiguous[0]


def test_violation_counters_that_moved():
    before = NvmlGpu(0, server()).read()
    after = {**before, "violations_s": {**before["violations_s"], "thermal": 1.25, "power": 0.5}}
    found = gpu_conditions("gpu0", before, after)
    assert found.invalid == ("gpu0 was held below its clocks for 0.250 s (thermal)",)
    assert found.ambiguous[0] == "gpu0 was held below its clocks for 0.500 s (power)"


def test_a_gpu_that_tells_nothing_about_throttling_is_ambiguous():
    silent = NvmlGpu(0, RecordedNvml()).read()
    assert gpu_conditions("gpu0", silent, silent).ambiguous == ("gpu0 does not report whether it was throttled",)
    with pytest.raises(MeasurementError, match="no energy counter"):
        NvmlEnergy(NvmlGpu(0, RecordedNvml())).joules()


def test_a_driver_without_the_deprecated_calls_tells_the_same():
    """What CUDA 14 removes (temperature, violations, application clocks) is asked by the calls that stay."""
    gone = NVMLError_NotSupported()

    def fields(handle, ids):
        (number,) = ids
        return [SimpleNamespace(nvmlReturn=0, value=SimpleNamespace(ullVal=(number - 74) * 10**9))]

    old = NvmlGpu(0, server()).read()
    new = NvmlGpu(0, server(
        nvmlDeviceGetTemperature=gone, nvmlDeviceGetTemperatureV=51, nvmlDeviceGetViolationStatus=gone,
        nvmlDeviceGetFieldValues=fields, nvmlDeviceGetApplicationsClock=gone,
    ))  # fmt: skip
    assert new.read() == old
    assert new.expected_clock_mhz() is None
    refused = [SimpleNamespace(nvmlReturn=3)]
    silent = NvmlGpu(0, server(nvmlDeviceGetViolationStatus=gone, nvmlDeviceGetFieldValues=refused)).read()
    assert set(silent["violations_s"].values()) == {None}


def test_a_gpu_that_disappears_ends_the_measurement_with_a_sentence():
    gpu = NvmlGpu(0, server(nvmlDeviceGetPowerUsage=NVMLError_GpuIsLost("GPU is lost")))
    with pytest.raises(MeasurementError, match="gpu0 disappeared") as error:
        gpu.read()
    assert error.value.exit_code == 3


def test_the_clock_guard_rejects_below_three_quarters():
    guard = NvmlGpu(0, server()).clock_guard(2040)
    assert "below 75%" in guard(0.001)
    assert NvmlGpu(0, server()).clock_guard(1980)(0.001) is None
    assert NvmlGpu(0, server()).expected_clock_mhz() is None
    assert NvmlGpu(0, server(nvmlDeviceGetApplicationsClock=1590)).expected_clock_mhz() == 1590
    assert MachineTelemetry("cpu").clock_guard() is None


@pytest.mark.parametrize(
    ("device", "visible", "index"),
    [("cuda:0", None, 0), ("cuda", None, 0), ("cuda:2", None, None), ("cuda:0", "1", 1), ("cuda:1", "1,0", 0),
     ("cuda:0", "GPU-b", 1), ("cuda:1", "1", None), ("cuda:0", "", None), ("cuda:0", "9", None)],
)  # fmt: skip
def test_the_gpu_that_a_cuda_device_is(device, visible, index):
    assert nvml_index(device, visible, ["GPU-aa", "GPU-bb"]) == index
