"""tegrastats: one line of every recorded grammar, and what happens to tokens that are not understood."""

import json
import re

import pytest

from bench_freeze.errors import InputError, MeasurementError
from bench_freeze.measure.telemetry.rails import Rail, module_power
from bench_freeze.measure.telemetry.tegrastats import Core, Unit, parse_line
from bench_freeze.measure.telemetry.tegrastats_log import TegrastatsLog

OLD = (
    "RAM 3607/3983MB (lfb 47x4MB) SWAP 873/8192MB (cached 281MB) cpu [17%,off,65%,0%]@1734 EMC 1%@1600 APE 25 "
    "GR3D 39%@76"
)
ORIN = (
    "04-11-2025 10:36:27 RAM 4321/62801MB (lfb 1759x4MB) CPU [0%@729,off,23%@2201]   EMC_FREQ 0%@2133 "
    "GR3D_FREQ 7%@[305,306] NVENC   off VIC_FREQ 729 APE 174 CV0@-256C CPU@44.562C gpu@47.625C/48.5C "
    "VDD_GPU_SOC 2340mW/2341mW/2400mW NC 0mW/0mW VDD_CPU_CV 390mW/390mW VIN_SYS_5V0 4025mW/4025mW NC 0mW/0mW"
)


def test_the_old_grammar():
    reading = parse_line(OLD)
    assert reading.cores == (Core(True, 17, 1734), Core(False), Core(True, 65, 1734), Core(True, 0, 1734))
    assert reading.emc == Unit(True, 1, (1600,))
    assert reading.gpu == Unit(True, 39, (76,))
    assert (reading.ram_used_bytes, reading.ram_total_bytes) == (3607 << 20, 3983 << 20)
    assert reading.swap_used_bytes == 873 << 20
    assert reading.module is None
    assert reading.other == ()


def test_the_new_grammar():
    reading = parse_line(ORIN)
    assert reading.time == "04-11-2025 10:36:27"
    assert reading.gpu == Unit(True, 7, (305, 306))
    assert reading.units == {"NVENC": Unit(False), "VIC": Unit(True, None, (729,)), "APE": Unit(True, None, (174,))}
    assert reading.gated_sensors == ("CV0",)
    assert reading.temperatures_c == {"CPU": 44.562, "gpu": 47.625}
    assert reading.peak_temperatures_c == {"gpu": 48.5}
    assert reading.rails[0] == Rail("VDD_GPU_SOC", 2340, 2341, 2400)
    assert reading.swap_total_bytes is None
    assert reading.module.now_mw == 2340 + 390 + 4025
    assert reading.module.method.startswith("sum of the rails VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0")


def test_every_recorded_line_is_read_whole(bench_freeze_data):
    """Each is put together again from what was read: nothing is lost, and nothing is left over as unknown."""
    lines = [json.loads(line) for line in (bench_freeze_data / "tegrastats/lines.jsonl").read_text().splitlines()]
    assert len(lines) >= 16
    for recorded in lines:
        line = recorded["line"]
        reading = parse_line(line)
        assert reading.other == (), recorded["board"]
        cores = re.search(r"(?i)cpu \[([^\]]*)\]", line).group(1).split(",")
        assert [c.online for c in reading.cores] == [c != "off" for c in cores]
        assert [f"{c.load_percent:.0f}%" for c in reading.cores if c.online] == [
            c.partition("@")[0] for c in cores if c != "off"
        ]
        assert [c.clock_mhz for c in reading.cores if c.online and "@" in cores[0]] == [
            int(c.partition("@")[2]) for c in cores if "@" in c
        ]
        temperatures = re.findall(r"(\w+)@(-?[\d.]+)C", line)
        assert reading.temperatures_c == {name: float(t) for name, t in temperatures if float(t) > -100}
        assert list(reading.gated_sensors) == [name for name, t in temperatures if float(t) <= -100]
        rails = re.findall(r"(\w+) (\d+)(?:mW)?/(\d+)(?:mW)?(?:/(\d+)mW)?(?= |$)", line)
        assert [(r.name, r.now_mw, r.average_mw, r.peak_mw) for r in reading.rails] == [
            (name, int(now), int(average), int(peak) if peak else None) for name, now, average, peak in rails
        ]
        assert (reading.gpu is None) == ("GR3D" not in line)
        assert (reading.emc is None) == ("EMC" not in line)
        assert (reading.swap_total_bytes is None) == ("SWAP" not in line)
        assert (reading.time is None) == line.startswith("RAM")
        assert (reading.module is None) == (not rails)


@pytest.mark.parametrize(
    ("good", "bad", "token"),
    [
        ("GR3D 39%@76", "GR3D 39@76", "GR3D 39@76"),
        ("GR3D 39%@76", "GR3D_FREQ", "GR3D_FREQ"),
        ("EMC 1%@1600", "EMC_FREQ 1%@[a]", "EMC_FREQ 1%@[a]"),
        ("65%", "65?", "65?"),
        ("RAM 3607/3983MB", "RAM 36o7/3983MB", "RAM 36o7/3983MB"),
        ("APE 25", "APE many", "APE many"),
        ("APE 25", "VDD_IN 5299mW/52x9mW", "VDD_IN 5299mW/52x9mW"),
        ("APE 25", "VDD_IN 12z/13", "VDD_IN 12z/13"),
        ("APE 25", "CPU@37.5F", "CPU@37.5F"),
        ("APE 25", "MTS fg 0% bg x%", "MTS fg"),
    ],
)
def test_a_token_that_cannot_be_read_is_named(good, bad, token):
    with pytest.raises(InputError) as error:
        parse_line(OLD.replace(good, bad))
    assert repr(token) in str(error.value)


@pytest.mark.parametrize("line", ["", "hello world", "CPU [1%@345]"])
def test_a_line_of_something_else_is_refused(line):
    with pytest.raises(InputError, match="not a line of tegrastats"):
        parse_line(line)


def test_unknown_tokens_are_kept():
    assert parse_line(f"{OLD} WOBBLE 17/x new!").other == ("WOBBLE", "17/x", "new!")


def test_module_power_names_its_rail_and_is_not_guessed():
    assert module_power([Rail("VDD_GPU", 5), Rail("VIN", 20)]).method == "rail VIN"
    assert module_power([Rail("VDD_GPU_SOC", 5)]) is None
    assert module_power([]) is None


def test_a_log_replays_and_ends():
    log = TegrastatsLog([OLD, "", ORIN])
    assert log.read()["module"] is None
    assert log.read()["module"]["now_mw"] == 6755
    with pytest.raises(MeasurementError, match="ended during the run"):
        log.read()
