"""What runs the first steps on a GPU, with real processes: limits, crashes, silence, and what is left of each."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench.gpu.runner import Runner
from bench.gpu.step import Step, read_json, read_status
from bench.gpu.table import COLUMNS, table

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
WELL = "import json, sys; json.dump({'figures': '3 of 3'}, open(sys.argv[1], 'w'))"
HANGS = "import time; print('begun', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
CRASHES = "import os, signal; print('last words', flush=True); os.kill(os.getpid(), signal.SIGSEGV)"
GROUP = """\
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
print(child.pid, flush=True)
time.sleep(600)
"""
LEAVES = """\
import json, subprocess, sys
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
json.dump({'figures': str(child.pid)}, open(sys.argv[1], 'w'))
"""


def step(name, code, seconds=20.0, **others):
    return Step(name, (sys.executable, "-c", code, "{result}"), seconds, others.pop("read", read_json), **others)


@pytest.fixture
def run(tmp_path):
    def run(*steps, seconds=60.0):
        runner = Runner(tmp_path, tmp_path / "out", tmp_path / "work", seconds, {}, tell=lambda line: None)
        return {outcome.name: outcome for outcome in runner.run(steps)}

    return run


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_no_step_stops_the_next_and_each_is_named_by_what_it_came_to(run, tmp_path):
    began = time.monotonic()
    found = run(
        step("well", WELL),
        step("hangs", HANGS, 0.5),
        step("stubborn", STUBBORN, 0.5),
        step("crashes", CRASHES),
        step("silent", "pass"),
        step("rubbish", "import sys; open(sys.argv[1], 'w').write('{')"),
        step("not what it should be", "import sys; open(sys.argv[1], 'w').write('[1]')"),
        step("raises", "raise SystemExit(5)"),
        Step("absent", ("/no/such/program",), 5, read_status),
        step("says why", "import json, sys; json.dump({'figures': '1', 'why': 'too slow'}, open(sys.argv[1], 'w'))"),
        step("makes nothing", "pass", read=read_status, makes=(tmp_path / "made",)),
        step("well too", WELL),
    )
    assert time.monotonic() - began < 25
    assert {name: outcome.status for name, outcome in found.items()} == {
        "well": "ok",
        "hangs": "too long",
        "stubborn": "too long",
        "crashes": "failed",
        "silent": "no result",
        "rubbish": "no result",
        "not what it should be": "no result",
        "raises": "failed",
        "absent": "failed",
        "says why": "failed",
        "makes nothing": "no result",
        "well too": "ok",
    }
    assert found["well"].figures == "3 of 3"
    assert "begun" in found["hangs"].output
    assert found["crashes"].why == f"ended with {-signal.SIGSEGV}"
    assert "last words" in found["crashes"].output
    assert found["says why"].why == "too slow"


def test_what_an_earlier_run_made_is_not_taken_for_this_ones(run, tmp_path):
    (tmp_path / "made").touch()
    assert run(step("step", "pass", read=read_status, makes=(tmp_path / "made",)))["step"].status == "no result"


def test_what_a_step_started_ends_with_it(run):
    found = run(step("group", GROUP, 0.7), step("leaves one behind", LEAVES))
    assert found["group"].status == "too long"
    assert not is_running(int(found["group"].output))
    assert not is_running(int(found["leaves one behind"].figures))


def test_figures_of_a_step_that_was_too_long_are_kept(run):
    code = "import json, sys, time; open(sys.argv[1], 'w').write(json.dumps({'figures': '3 of 3'})); time.sleep(600)"
    found = run(step("part", code, 1.0))
    assert (found["part"].status, found["part"].figures) == ("too long", "3 of 3")


def test_a_result_of_an_earlier_run_is_not_this_ones(run):
    assert run(step("same name", WELL))["same name"].status == "ok"
    assert run(step("same name", "pass"))["same name"].status == "no result"


def test_needs_and_needless_steps(run):
    found = run(
        step("first try", "raise SystemExit(1)", gives="extension"),
        step("second try", WELL, unless="extension", gives="extension"),
        step("third try", WELL, unless="extension", gives="extension"),
        step("uses it", WELL, needs=("extension",)),
        step("uses another", WELL, needs=("first try",)),
        step("pointless", WELL, left_out="there is no wheel"),
    )
    assert [outcome.status for outcome in found.values()] == ["failed", "ok", "left out", "ok", "left out", "left out"]
    assert found["uses another"].why == "needs first try"
    assert found["pointless"].why == "there is no wheel"


def test_the_time_of_all_steps_is_kept_to(run):
    began = time.monotonic()
    found = run(step("long", HANGS, 100), step("next", WELL), seconds=4)
    assert time.monotonic() - began < 9
    assert [outcome.status for outcome in found.values()] == ["too long", "left out"]
    assert found["next"].why == "no time is left"


RUNNER = """\
import signal, sys
from pathlib import Path
from bench.gpu.runner import Runner
from bench.gpu.step import Step, read_json, read_status
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
well, hangs, out = sys.argv[1:]
steps = [
    Step('well', (sys.executable, '-c', well, '{result}'), 20, read_json),
    Step('hangs', (sys.executable, '-c', hangs), 500, read_status),
]
Runner(Path(out), Path(out), Path(out) / 'work', 900, {}).run(steps)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_known_when_the_run_was_ended_is_on_disk(tmp_path, number):
    started = subprocess.Popen(
        [sys.executable, "-c", RUNNER, WELL, HANGS.replace("'begun'", "__import__('os').getpid()"), str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    log, deadline = tmp_path / "log.txt", time.monotonic() + 30
    while not (log.exists() and log.read_text().strip().split("\n")[-1].isdigit()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pid = int(log.read_text().strip().split("\n")[-1])
    started.send_signal(number)
    started.wait(30)
    if number == signal.SIGTERM:
        assert not is_running(pid)
    elif is_running(pid):
        os.kill(pid, signal.SIGKILL)
    assert [outcome["status"] for outcome in json.loads((tmp_path / "results.json").read_text())] == ["ok"]
    assert "3 of 3" in (tmp_path / "table.txt").read_text()


def test_the_table_is_one_screen(run):
    long = "import json, sys; json.dump({'figures': 'batch 64 float16 93.1 us, ' * 30}, open(sys.argv[1], 'w'))"
    found = run(*(step(f"step {i}", long) for i in range(4)), step("fails", "raise SystemExit(1)"))
    lines = table(list(found.values())).splitlines()
    assert len(lines) == 1 + 2 * 4 + 1 + 1
    assert max(map(len, lines)) <= COLUMNS
    assert "FAILED" in lines[-2]
    assert lines[-1].startswith("5 steps")
    assert "4 ok, 1 failed" in lines[-1]
