"""Measuring again before an alarm, and profiles: real processes, scripted samples."""

import json
import sys

import pytest

from bench_freeze import cli
from bench_freeze.results.profile import encode_profile
from tests import builders
from tests.unit.check.check_files import edit, latency, samples, write_results

pytestmark = pytest.mark.slow

# What a rerun measures: `{which}` is as fast as the file of that name says; every run is a little different.
PROGRAM = """
import json, pathlib, sys

source, out, which = map(pathlib.Path, sys.argv[1:4])
content = json.loads(source.read_text())
log = pathlib.Path(sys.argv[4])
done = log.read_text().split() if log.exists() else []
log.write_text(" ".join([*done, str(which)]))
factor = json.loads(sys.argv[5])[str(which)] * (1 + 0.001 * (len(done) % 3))
for row in content["rows"]:
    for scope in row["latency"].values():
        scope["samples_s"] = [factor * s for s in scope["samples_s"]]
out.write_text(json.dumps(content))
"""


@pytest.fixture
def setup(tmp_path, capsys):
    program = tmp_path / "measure.py"
    program.write_text(PROGRAM)
    baseline = write_results(tmp_path / "old")
    current = write_results(tmp_path / "new", seed=3, slow=(15,))
    log = tmp_path / "log"

    def run(factors, *more, command=None):
        measure = f"{sys.executable} {program} {baseline} {{out}} {{which}} {log} '{json.dumps(factors)}'"
        arguments = ["check", str(current), "--baseline", str(baseline), "--json", "-", "--rerun", command or measure]
        capsys.readouterr()
        code = cli.main([*arguments, *more])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else said.err, log.read_text().split() if log.exists() else []

    return run


def test_a_slowdown_that_comes_again_is_confirmed(setup):
    code, outcome, order = setup({"baseline": 1.0, "current": 1.2})
    assert code == 1
    rounds = [order[k : k + 4] for k in range(0, len(order), 4)]
    assert all(taken == taken[::-1] and set(taken) == {"baseline", "current"} for taken in rounds)
    assert len({tuple(taken) for taken in rounds}) == 2  # by chance
    (found,) = [f for f in outcome["findings"] if f["rule"] == "latency_model" and f["status"] == "REGRESSION"]
    assert found["change_share"] == pytest.approx(0.2, abs=0.01)
    assert found["basis"] == f"{len(rounds)} rounds A B B A of --rerun"
    assert len(found["rounds"]) == len(rounds)


def test_a_slowdown_that_does_not_come_again_is_no_alarm(setup):
    code, outcome, order = setup({"baseline": 1.0, "current": 1.0})
    assert code == 0
    assert len(order) == 4 * 7  # as few as prove that it is within the limit
    rows = {f["row"] for f in outcome["findings"] if f["basis"].endswith("--rerun")}
    assert rows == {"freeze 15 branched ort fp32"}  # the others were within their limits as they were


def test_time_that_is_up_leaves_it_open(setup):
    code, outcome, order = setup({"baseline": 1.0, "current": 1.2}, "--max-minutes", "0.000001")
    assert code == 3
    assert len(order) == 4
    assert any("1 round A B B A" in f["sentence"] for f in outcome["findings"])


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("measure --out {out}", 2, "{which}"),
        ("measure {which}", 2, "{out}"),
        ("no-such-program {which} {out}", 2, "cannot be started"),
        ("false {which} {out}", 3, "ended with status 1"),
        ("true {which} {out}", 2, "wrote nothing"),
        ("cp {onnx} {out}", 2, "is not in"),
    ],
)
def test_commands_that_cannot_measure(setup, command, code, words):
    found, error, _ = setup({}, command=command)
    assert found == code
    assert words in error
    assert len(error.strip().splitlines()) <= 3  # what is measured, which round, and why not


def profile(path, seed=0, level=0.005, **changes):
    scope = latency(seed, level, samples_s=samples(seed, level))
    model = {"file": "m.onnx", "sha256": path.stem, "bytes": 1000, "heads": ["base"], "imgsz": 320, "batch": 1}
    made = builders.profile(
        latency={"model": scope, "pipeline": None}, model=model, environment={"cpu": "a processor", "cores": 2}
    )
    path.write_bytes(encode_profile(made))
    return edit(path, lambda content: content.update(changes))


def energy(*windows):
    return {
        "joules_per_call": 1.0, "joules_per_call_above_idle": 0.5, "idle_watts": 5.0, "window_s": 5.0, "calls": 10,
        "windows_j": list(windows), "method": "a counter",
    }  # fmt: skip


def test_profiles_are_checked_too(tmp_path, capsys):
    old, same, slow = (profile(tmp_path / f"{i}.json", i, 0.006 if i == 2 else 0.005) for i in range(3))
    assert cli.main(["check", str(same), "--baseline", str(old)]) == 0
    assert cli.main(["check", str(slow), "--baseline", str(old)]) == 3
    assert cli.main(["check", str(old), "--baseline", str(old)]) == 0
    to = tmp_path / "baseline.json"
    assert cli.main(["baseline", "update", str(old), "--to", str(to), "--reason", "r"]) == 0
    assert cli.main(["check", str(slow), "--baseline", str(to)]) == 3
    capsys.readouterr()
    results = write_results(tmp_path / "run")
    assert cli.main(["check", str(results), "--baseline", str(to)]) == 2
    assert "compare two of the same kind" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("windows", "code"), [((1.0, 1.01, 0.99), 0), ((1.3, 1.31, 1.29), 3), ((1.3,), 3), ((), 2), ((0.0, 1.0), 2)]
)
def test_energy(tmp_path, windows, code):
    old = profile(tmp_path / "old.json", energy=energy(1.0, 1.01, 0.99))
    new = profile(tmp_path / "new.json", energy=energy(*windows) if windows else None)
    assert cli.main(["check", str(new), "--baseline", str(old)]) == code
