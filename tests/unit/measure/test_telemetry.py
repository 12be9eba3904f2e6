"""Reading sources on recorded traces: folders of kernel files, NVML answers, printed commands; and energy."""

import os
from types import SimpleNamespace

import pytest

from bench_freeze.errors import InputError, MeasurementError
from bench_freeze.measure.clock import FakeClock
from bench_freeze.measure.telemetry import source
from bench_freeze.measure.telemetry.board_commands import parse_clocks, parse_power_mode
from bench_freeze.measure.telemetry.cpu import CpuSource, cpu_conditions
from bench_freeze.measure.telemetry.energy import PowerIntegral, integrate, measure_energy
from bench_freeze.measure.telemetry.jetson import JetsonSource
from bench_freeze.measure.telemetry.machine import MachineTelemetry
from bench_freeze.measure.telemetry.nvml import NvmlEnergy, NvmlGpu, gpu_conditions, nvml_index
from bench_freeze.measure.telemetry.rapl import RaplCounter


def write(root, files):
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n")
    return root


def deny(monkeypatch, name):
    """Reading files of this name is refused, as it is for an unprivileged user (the tests may run as root)."""
    real = source.Path.read_text  # type: ignore[attr-defined]

    def read_text(self, *arguments, **options):
        if self.name == name and self.exists():
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *arguments, **options)

    monkeypatch.setattr(source.Path, "read_text", read_text)  # type: ignore[attr-defined]


HWMON = "sys/class/hwmon/hwmon3/"
ORIN = {
    "proc/device-tree/model": "Jetson AGX Orin\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3",
    HWMON + "name": "ina3221",
    HWMON + "in1_label": "VDD_GPU_SOC", HWMON + "in1_input": 19880, HWMON + "curr1_input": 160,
    HWMON + "in2_label": "VDD_CPU_CV", HWMON + "in2_input": 19888, HWMON + "curr2_input": 20,
    HWMON + "in3_label": "VIN_SYS_5V0", HWMON + "in3_input": 5000, HWMON + "curr3_input": 900,
    HWMON + "in7_label": "sum of shunt voltages", HWMON + "in7_input": 2,
    "sys/class/hwmon/hwmon4/name": "pwmfan",
    "sys/class/hwmon/hwmon5/name": "ina3221", "sys/class/hwmon/hwmon5/in1_label": "NC",
    "sys/class/hwmon/hwmon5/in1_input": 1, "sys/class/hwmon/hwmon5/curr1_input": 1,
    "sys/class/devfreq/17000000.gpu/cur_freq": 306000000, "sys/class/devfreq/17000000.gpu/max_freq": 1300500000,
    "sys/class/devfreq/17000000.gpu/min_freq": 306000000, "sys/class/devfreq/17000000.gpu/governor": "nvhost_podgov",
    "sys/devices/platform/gpu.0/load": 375,
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal", "sys/class/thermal/thermal_zone0/temp": 44562,
    "sys/class/thermal/thermal_zone1/type": "cv0-thermal", "sys/class/thermal/thermal_zone1/temp": -256000,
}  # fmt: skip


def test_a_jetsons_sysfs(tmp_path):
    jetson = JetsonSource(write(tmp_path, ORIN))
    state = jetson.read()
    assert jetson.present
    assert state["rails_mw"] == {"VDD_GPU_SOC": 3180, "VDD_CPU_CV": 397, "VIN_SYS_5V0": 4500}
    assert state["module"]["now_mw"] == 8077
    assert jetson.watts() == pytest.approx(8.077)
    assert state["gpu_load_percent"] == 37.5
    assert state["devfreq"]["17000000.gpu"] == {
        "cur_mhz": 306, "min_mhz": 306, "max_mhz": 1300.5, "governor": "nvhost_podgov"
    }  # fmt: skip
    assert (state["temperatures_c"], state["gated_sensors"]) == ({"cpu-thermal": 44.562}, ["cv0-thermal"])
    assert (state["board"], state["unreadable"]) == ("Jetson AGX Orin", {})


def test_a_thors_input_monitor(tmp_path):
    """hwmon's ina238 has one channel, whose device may have a label: here microwatts of the module's input."""
    monitor = "sys/class/hwmon/hwmon6/"
    vin = {monitor + "name": "ina238", monitor + "in0_input": 3, monitor + "in1_input": 19552,
           monitor + "curr1_input": 1840, monitor + "power1_input": 35_975_680}  # fmt: skip
    thor = {HWMON + "name": "ina3221", HWMON + "in1_label": "VDD_GPU", HWMON + "in1_input": 19500,
            HWMON + "curr1_input": 400}  # fmt: skip
    for number, label in enumerate(({}, {monitor + "label": "VIN"})):
        state = JetsonSource(write(tmp_path / str(number), {**thor, **vin, **label})).read()
        assert state["rails_mw"] == {"VDD_GPU": 7800, "VIN": 35975}
        assert state["module"] == {"now_mw": 35975, "method": "rail VIN"}


def test_the_load_of_a_gpu_behind_a_bus(tmp_path):
    """As the kernel of L4T 36 shows it."""
    jetson = JetsonSource(write(tmp_path, {"sys/devices/platform/bus@0/17000000.gpu/load": 123}))
    assert jetson.read()["gpu_load_percent"] == 12.3


def test_the_older_power_driver(tmp_path):
    device = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/"
    jetson = JetsonSource(write(tmp_path, {device + "rail_name_0": "POM_5V_IN", device + "in_power0_input": 1022}))
    assert jetson.read()["module"] == {"now_mw": 1022, "method": "rail POM_5V_IN"}


def test_denied_and_missing_sensors_are_said(tmp_path, monkeypatch):
    write(tmp_path, ORIN)
    deny(monkeypatch, "curr3_input")
    state = JetsonSource(tmp_path).read()
    assert state["module"] is None
    assert state["unreadable"] == {HWMON + "curr3_input": "permission denied"}
    empty = JetsonSource(tmp_path / "nothing")
    assert not empty.present
    assert empty.watts() is None
    assert empty.read()["rails_mw"] == {}


def test_a_file_without_a_number_is_said(tmp_path):
    state = JetsonSource(write(tmp_path, {**ORIN, HWMON + "in1_input": "busy"})).read()
    assert state["unreadable"] == {HWMON + "in1_input": "not a number: 'busy'"}


def test_processors(tmp_path):
    cpufreq = "sys/devices/system/cpu/cpu{}/cpufreq/"
    files = {"proc/cpuinfo": "processor: 0\nmodel name\t: Model Z", "proc/loadavg": "3.50 1.00 0.50 2/300 1234"}
    for core in (0, 1, 10):
        files[cpufreq.format(core) + "scaling_governor"] = "powersave"
        files[cpufreq.format(core) + "scaling_cur_freq"] = 1_000_000 + core * 1000  # type: ignore[assignment]
    state = CpuSource(write(tmp_path, files)).read()
    assert (state["model"], state["governors"]) == ("Model Z", ["powersave"])
    assert state["clocks_mhz"] == [1000, 1001, 1010]
    assert state["load_average"] == [3.5, 1.0, 0.5]
    nothing = CpuSource(tmp_path / "nothing").read()
    assert (nothing["model"], nothing["load_average"], nothing["clocks_mhz"]) == (None, None, [])


def cpu_reading(at_s, busy_s, own_s, steal_s=0.0):
    return {"at_s": at_s, "busy_s": busy_s, "own_s": own_s, "steal_s": steal_s, "usable_cores": 2}


def test_what_others_did_during_a_run():
    before = cpu_reading(100, 50, 7)
    assert cpu_conditions(before, cpu_reading(110, 60, 17)).ambiguous == ()  # all of it was our own
    assert cpu_conditions(before, cpu_reading(110, 66, 17)).ambiguous == (
        "other processes used 30% of the cores' time during the run",
    )
    assert "hypervisor" in cpu_conditions(before, cpu_reading(110, 61, 17, 1.0)).ambiguous[0]
    assert cpu_conditions(before, cpu_reading(110, None, 17)).ambiguous == ()


def test_time_of_the_usable_cores(tmp_path):
    core = min(os.sched_getaffinity(0))
    write(tmp_path, {"proc/stat": f"cpu  9 9 9 9 9 9 9 9 9 9\ncpu{core} 100 0 50 900 30 10 20 40 0 0\nintr 5"})
    state = CpuSource(tmp_path).read()
    ticks = os.sysconf("SC_CLK_TCK")
    assert (state["busy_s"], state["steal_s"]) == (220 / ticks, 40 / ticks)
    assert CpuSource(tmp_path / "nothing").read()["busy_s"] is None


RAPL = "sys/class/powercap/intel-rapl:{}/"


def test_rapl_adds_packages_and_knows_a_wrap(tmp_path):
    files = {RAPL.format(k) + "energy_uj": 5_000_000 for k in (0, 1)}
    files |= {RAPL.format(k) + "max_energy_range_uj": 10_000_000 for k in (0, 1)}
    files[RAPL.format("0:0") + "energy_uj"] = 1  # a part of package 0: in it already
    counter = RaplCounter(write(tmp_path, files))
    assert counter.why_not() is None
    assert counter.joules() == 0
    write(tmp_path, {RAPL.format(0) + "energy_uj": 7_000_000, RAPL.format(1) + "energy_uj": 1_000_000})
    assert counter.joules() == pytest.approx(2 + 6)
    (tmp_path / RAPL.format(1) / "energy_uj").unlink()
    with pytest.raises(MeasurementError, match="no longer be read"):
        counter.joules()


def test_rapl_that_is_missing_denied_or_runs_backwards(tmp_path, monkeypatch):
    assert "no RAPL" in RaplCounter(tmp_path).why_not()
    counter = RaplCounter(write(tmp_path, {RAPL.format(0) + "energy_uj": 9}))
    counter.joules()
    write(tmp_path, {RAPL.format(0) + "energy_uj": 3})
    with pytest.raises(MeasurementError, match="backwards"):
        counter.joules()
    deny(monkeypatch, "energy_uj")
    assert "permission denied" in RaplCounter(tmp_path).why_not()


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


# What boards printed, shortened: cores that are off, and a memory whose least clock is not raised by locking it.
ORIN_CLOCKS = """SOC family:tegra234  Machine:NVIDIA Jetson AGX Orin Developer Kit
Online CPUs: 0-1
cpu0:  Online=1 Governor=schedutil MinFreq={core} MaxFreq=1728000 CurrentFreq=1728000 IdleStates: WFI=0 c7=0
cpu8:  Online=0 Governor=schedutil MinFreq=729600 MaxFreq=2201600 CurrentFreq=729600 IdleStates: WFI=0 c7=0
GPU MinFreq={gpu} MaxFreq=612000000 CurrentFreq=612000000
Active GPU TPCs: 4
EMC MinFreq=204000000 MaxFreq=3199000000 CurrentFreq=3199000000 FreqOverride={override}
DLA0_CORE:   Online=1 MinFreq=0 MaxFreq=1369600000 CurrentFreq=1369600000
DLA0_FALCON: Online=1 MinFreq=0 MaxFreq=729600000 CurrentFreq=729600000
FAN Dynamic Speed Control=nvfancontrol hwmon0_pwm1=48
NV Power Mode: MODE_30W
"""
ORIN_L4T_39_CLOCKS = """Online CPUs: 0-11, Offline CPUs:
cpu5:  Governor=schedutil MinFreq=2201600 MaxFreq=2201600 CurrentFreq=2201600 IdleStates: WFI=0 c7=0
GPU MinFreq=1300500000 MaxFreq=1300500000 CurrentFreq=1300500000
EMC MinFreq={} MaxFreq=3199000000 CurrentFreq=3199000000
PVA0_AXI:  Online=1 MinFreq=0 MaxFreq=985600000 CurrentFreq=985600000
"""
THOR_CLOCKS = """SOC family:tegra264  Machine:NVIDIA Jetson AGX Thor Developer Kit
Online CPUs: 0-13, Offline CPUs:
cpu0:  Governor=schedutil MinFreq=2601000 MaxFreq=2601000 CurrentFreq=2601000 IdleStates: WFI=0 cc7=0
gpu-gpc-0 MinFreq={} MaxFreq=1575000000 CurrentFreq=1575000000
gpu-nvd-0 MinFreq=1692000000 MaxFreq=1692000000 CurrentFreq=1692000000
EMC MinFreq=665600000 MaxFreq=4266000000 CurrentFreq=4266000000 FreqOverride=1
PVA0_AXI:  Online=0 MinFreq=0 MaxFreq=909000000 CurrentFreq=909000000
"""


def test_jetson_clocks_hold_when_no_clock_can_fall():
    locked = parse_clocks(ORIN_CLOCKS.format(core=1728000, gpu=612000000, override=1))
    assert locked.hold
    assert list(locked.parts) == ["cpu0", "GPU", "EMC", "DLA0_CORE", "DLA0_FALCON"]
    for one in ({"core": 729600}, {"gpu": 306000000}, {"override": 0}):
        assert not parse_clocks(ORIN_CLOCKS.format(**{"core": 1728000, "gpu": 612000000, "override": 1} | one)).hold
    assert parse_clocks(ORIN_L4T_39_CLOCKS.format(3199000000)).hold
    assert not parse_clocks(ORIN_L4T_39_CLOCKS.format(204000000)).hold
    assert parse_clocks(THOR_CLOCKS.format(1575000000)).hold
    assert not parse_clocks(THOR_CLOCKS.format(306000000)).hold
    with pytest.raises(InputError, match="no clocks"):
        parse_clocks("Error: permission denied")


def test_the_power_mode():
    assert parse_power_mode("NV Fan Mode:quiet\nNV Power Mode: MODE_30W\n2\n").name == "MODE_30W"
    assert parse_power_mode("NV Power Mode: MAXN\n0").number == 0
    with pytest.raises(InputError, match="no power mode"):
        parse_power_mode("")


class Meter:
    """A counter of a machine that takes 10 W at rest and 30 W in a call, on a clock that is moved by hand."""

    method = "a test"

    def __init__(self, clock):
        self.clock = clock
        self.busy_s = 0.0

    def joules(self):
        return 10 * self.clock.now_s() + 20 * self.busy_s


def test_energy_per_call_gross_and_above_idle():
    clock = FakeClock()
    meter = Meter(clock)

    def call(i):
        clock.advance(0.25)
        meter.busy_s += 0.25

    energy = measure_energy(call, meter, clock)
    assert (energy.idle_watts, energy.calls, energy.window_s) == (10, 20, 5)
    assert energy.joules_per_call == pytest.approx(7.5)
    assert energy.joules_per_call_above_idle == pytest.approx(5)
    assert len(energy.windows_j) == 3
    with pytest.raises(ValueError, match="at least"):
        measure_energy(call, meter, clock, window_s=1)


def test_a_counter_that_stands_still_is_an_error():
    clock = FakeClock()
    with pytest.raises(MeasurementError, match="broken"):
        measure_energy(lambda i: clock.advance(1), SimpleNamespace(method="dead", joules=lambda: 0.0), clock)


def test_power_readings_are_integrated():
    assert integrate([0, 1, 3], [10, 20, 20]) == 55
    with pytest.raises(ValueError, match="backwards"):
        integrate([1, 0], [1, 1])
    with PowerIntegral(lambda: 4.0, "a test") as counter:
        start = counter.joules()
        assert counter.joules() >= start
    readings = iter([4.0])
    with PowerIntegral(lambda: next(readings, None), "a test") as counter, pytest.raises(MeasurementError):
        counter.joules()


def test_the_machine_at_hand_says_what_it_has_and_what_is_missing():
    telemetry = MachineTelemetry()
    state = telemetry.read()
    assert state["cpu"]["usable_cores"] >= 1
    assert set(telemetry.missing) | {s.name for s in telemetry.sources} >= {"cpu", "jetson"}
    telemetry.conditions(state, telemetry.read())
    with telemetry.energy_counter() as counter:
        assert counter is None or counter.method
