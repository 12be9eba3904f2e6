"""`bench-freeze history` on files: order in time, what is comparable, every form, and what it refuses."""

import json
import re
import sys

import numpy as np
import pytest

from bench_freeze import cli
from bench_freeze.history.runs import read_runs
from bench_freeze.history.series import SHOWN, make_series
from bench_freeze.history.text import markdown
from tests.hostile import NAMES, check_log, parser
from tests.unit.check.check_files import edit, samples, write_results


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return json.loads(write_results(tmp_path_factory.mktemp("one")).read_text())


def write_run(folder, content, number, level, *, day=None, environment=None, name=None):
    """A run whose rows all have samples around a level, recorded on a day."""
    content = json.loads(json.dumps(content))
    for record in content["rows"] + content["originals"]:
        for scope in ("model", "pipeline"):
            record["latency"][scope]["samples_s"] = samples(number, level, 40)
    recorded = {} if day is None else {"recorded_at": f"2026-03-{day:02}T10:00:00+00:00", "commit": f"{number:040x}"}
    content["environment"] = {**content["environment"], **recorded, **(environment or {})}
    file = folder / (name or f"run{number}") / "results.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(content))
    return file


@pytest.fixture
def steps(tmp_path, one):
    """Twelve runs in a folder, the last six 10 % slower; their names do not follow the time."""
    for k in range(12):
        write_run(tmp_path, one, k, 0.005 * (1.1 if k >= 6 else 1.0), day=1 + k, name=f"run{(7 * k) % 12:02}")
    return tmp_path


def test_runs_stand_in_the_order_of_time(steps):
    runs, notes = read_runs([steps])
    assert [run.label for run in runs] == [f"2026-03-{k + 1:02} 10:00 {k:040x}"[:27] for k in range(12)]
    assert notes == []


def test_without_a_time_they_stand_as_given(tmp_path, one):
    files = [write_run(tmp_path, one, k, 0.005, day=None if k == 1 else 9 - k) for k in range(3)]
    runs, notes = read_runs(files)
    assert [run.name for run in runs] == list(map(str, files))
    assert len(notes) == 1
    assert "does not say when it was recorded" in notes[0]


def test_a_change_is_told_with_its_run(steps, capsys):
    pytest.importorskip("ruptures")
    out = {form: steps / f"history.{form}" for form in ("html", "markdown", "json")}
    flags = [part for form, file in out.items() for part in (f"--{form}", str(file))]
    assert cli.main(["history", str(steps), "--metric", "latency_model,size", *flags]) == 0
    text = capsys.readouterr().out
    assert text.startswith("12 runs, 2026-03-01 10:00 0000000000 to 2026-03-12")
    assert "the level changed in 3 of 6 series" in text
    assert len(re.findall(r"model latency p50 [45]\.\d+ ms → 5\.\d+ ms \(\+\d+\.\d %\) from 2026-03-07", text)) == 3
    content = json.loads(out["json"].read_text())
    moved = [series for series in content["series"] if series["changes"]]
    assert {(series["metric"], series["changes"][0]["run"]) for series in moved} == {("latency_model", 6)}
    page = out["html"].read_text()
    assert page.count("<svg") == len(content["series"])
    assert page.count("<circle") == sum(len(series["values"]) for series in content["series"])
    assert "<script" not in page
    assert out["markdown"].read_text().startswith("### 12 runs, ")


def test_without_ruptures_a_sentence_says_what_to_install(steps, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ruptures", None)
    assert cli.main(["history", str(steps)]) == 0
    out = capsys.readouterr().out
    assert 'change points need the package ruptures: pip install "bench-freeze[history]"' in out.splitlines()[0]
    assert "model latency p50" in out


def test_other_machines_and_data_are_other_series(tmp_path, one):
    for k in range(8):
        cpu = {"cpu": "a fast one"} if k >= 4 else {"cpu": "a slow one"}
        write_run(tmp_path, one, k, 0.003 if k >= 4 else 0.005, day=1 + k, environment=cpu)
    runs, _ = read_runs([tmp_path])
    found = make_series(runs, ["latency_model", "size"])
    assert len(found) == 3 * 2 + 3
    assert {len(series.values) for series in found if series.metric == "latency_model"} == {4}
    assert {series.name.split("(")[1] for series in found if series.metric == "latency_model"} == {
        f"a {speed} one, {one['environment'].get('cores')} cores)" for speed in ("fast", "slow")
    }
    assert not any(series.changes for series in found)


def test_repeats_and_invalid_latencies_are_left_out_and_counted(tmp_path, one):
    files = [write_run(tmp_path, one, k, 0.005, day=1 + k) for k in range(3)]
    write_run(tmp_path, one, 2, 0.005, day=9, name="again")
    edit(files[1], lambda content: content["rows"][0]["latency"]["model"].update(verdict="INVALID", reasons=["x"]))
    (tmp_path / "other.json").write_text("{}")
    runs, notes = read_runs([tmp_path])
    assert len(runs) == 3
    assert [note.partition(":")[2].strip() or note for note in notes] == [
        "1 json files are not results, profiles or baselines and were left out",
        "1 runs repeat the numbers of an earlier run and were left out",
        "1 latencies were INVALID and were left out",
    ]
    lengths = {s.name: len(s.values) for s in make_series(runs, ["latency_model"])}
    assert sorted(lengths.values()) == [2, 3, 3]


def test_baselines_and_results_make_one_history(tmp_path, one, capsys):
    files = [write_run(tmp_path, one, k, 0.005, day=1 + k) for k in range(3)]
    for file in files[:2]:
        edit(file, lambda content: content.update(matches=None))
    to = tmp_path / "baseline.json"
    assert cli.main(["baseline", "update", str(files[1]), "--to", str(to), "--reason", "r"]) == 0
    runs, _ = read_runs([files[0], to, files[2]])
    assert [run.label.split()[0] for run in runs] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert runs[1].commit == f"{1:040x}"


def test_the_runs_of_a_baseline_are_a_history(tmp_path, one, capsys):
    files = [write_run(tmp_path, one, k, 0.005 * (1 + k), day=1 + k) for k in range(3)]
    for file in files:
        edit(file, lambda content: content.update(matches=None))
    to = tmp_path / "baseline.json"
    assert cli.main(["baseline", "update", str(files[0]), "--to", str(to), "--reason", "r"]) == 0
    for file in files[1:]:
        assert cli.main(["baseline", "add", str(file), "--to", str(to)]) == 0
    runs, _ = read_runs([to])
    found = {(s.name, s.metric): s.values for s in make_series(runs, ["latency_model", "size"])}
    assert len(found) == 3  # sizes are of one run
    for values in found.values():
        assert values == pytest.approx((0.005, 0.010, 0.015), rel=0.02)
    assert cli.main(["history", str(to)]) == 0
    assert "3 runs, 2026-03-01 10:00" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{one}"], "a history needs at least two runs and has 1"),
        (["{one}", "{one}", "--metric", "speed"], "'speed' is not kept for every run; give some of latency_model"),
        (["{one}", "{missing}"], "missing"),
        (["{one}", "{other}"], "no two runs have a row and a metric in common"),
        (["{one}", "{late}"], "recorded_at is 'yesterday', not a time of ISO 8601"),
    ],
)
def test_what_is_no_history_is_refused(tmp_path, one, capsys, arguments, said):
    files = {
        "one": write_run(tmp_path, one, 1, 0.005, day=1),
        "missing": tmp_path / "missing.json",
        "other": write_run(tmp_path, {**one, "originals": []}, 2, 0.005, day=2),
        "late": write_run(tmp_path, one, 3, 0.005, environment={"recorded_at": "yesterday"}),
    }
    edit(files["other"], lambda content: [row.update(imgsz=64) for row in content["rows"]])
    assert cli.main(["history", *(argument.format(**files) for argument in arguments)]) == 2
    assert said in capsys.readouterr().err


def test_hostile_names_are_shown_in_every_form(tmp_path, one, capsys):
    name = "".join(NAMES.values())
    for k in range(4):
        content = json.loads(json.dumps(one))
        for number, row in enumerate(content["rows"]):
            row["weights"] = f"{name}{number}"
        write_run(tmp_path, content, k, 0.005, day=1 + k, environment={"commit": name, "cpu": name})
    assert cli.main(["history", str(tmp_path), "--html", str(tmp_path / "h.html")]) == 0
    check_log(capsys.readouterr().out)
    runs, notes = read_runs([tmp_path])
    text = markdown(runs, make_series(runs, SHOWN), notes)
    check_log(text)
    html = [token.content.split(">")[0] for token in parser.parse(text) if token.type == "html_block"]
    assert html == ["<details", "</details"]
    assert "<script" not in (tmp_path / "h.html").read_text()


def test_a_sparkline_has_the_values_heights():
    from bench_freeze.history.series import Series

    line = Series("x", "size", tuple(range(8)), tuple(np.arange(8.0)), ()).sparkline()
    assert line == "▁▂▃▄▅▆▇█"
    assert Series("x", "size", (0, 1), (3.0, 3.0), ()).sparkline() == "▁▁"
