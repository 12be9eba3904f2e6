"""Processors and their energy counters, from recorded kernel files."""

import os

import pytest

from bench_freeze.errors import MeasurementError
from bench_freeze.measure.telemetry.cpu import CpuSource, cpu_conditions
from bench_freeze.measure.telemetry.rapl import RaplCounter
from tests.unit.measure.kernel_files import deny, write


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
