"""A Jetson's sensors in recorded kernel files, and what its commands print."""

import pytest

from bench_freeze.errors import InputError
from bench_freeze.measure.telemetry.board_commands import parse_clocks, parse_power_mode
from bench_freeze.measure.telemetry.jetson import JetsonSource
from tests.unit.measure.kernel_files import deny, write

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
