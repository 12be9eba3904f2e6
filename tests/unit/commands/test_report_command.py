"""`bench-freeze report`: files in, one view out, in every form."""

import json
from pathlib import Path

import msgspec
import pytest

from bench_freeze.cli import main
from bench_freeze.report.documents import read_documents
from bench_freeze.report.reproduce import row_command

RESULTS = Path(__file__).parents[3] / "bench" / "results"
REAL = RESULTS / "fruit9_coco206_320.json"


def test_it_writes_what_is_asked_for(tmp_path, capsys):
    page, text, table = tmp_path / "new" / "r.html", tmp_path / "r.md", tmp_path / "r.csv"
    assert main(["report", str(REAL), "--html", str(page), "--markdown", str(text), "--csv", str(table)]) == 0
    assert capsys.readouterr().out.split() == [str(page), str(text), str(table)]
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert "| grafted | 10 |" in text.read_text()
    assert len(table.read_text().splitlines()) == 11


def test_without_a_file_it_prints_the_table(capsys):
    assert main(["report", str(REAL)]) == 0
    brief = capsys.readouterr().out
    assert "grafted 10 " in brief
    assert main(["report", str(REAL), "--verbose"]) == 0
    assert "grafted       10" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no such file"),
        ("", "not a complete json file"),
        ("[]", "no schema_version"),
        ('{"schema_version": 1}', "missing required field"),
        ('{"schema_version": 9, "rows": []}', "schema version 9"),
        ('{"schema_version": "1"}', "not a whole number from 1"),
    ],
)
def test_a_file_that_is_none_is_named_with_the_reason(tmp_path, capsys, content, says):
    file = tmp_path / "some.json"
    if content is not None:
        file.write_text(content)
    assert main(["report", str(file)]) == 2
    error = capsys.readouterr().err
    assert str(file) in error
    assert says in error
    assert error.count("\n") == 1


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    fifo = tmp_path / "pipe"
    import os
    import threading

    os.mkfifo(fifo)
    read = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_text()))
    reader.start()
    assert main(["report", str(REAL), "--csv", str(fifo)]) == 0
    reader.join()
    assert read[0].startswith("name,construction")
    assert fifo.is_fifo()


def test_folders_and_equal_names_get_names_that_differ(tmp_path):
    for folder in ("this", "that", "that/this"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "results.json").write_bytes(REAL.read_bytes())
    found = read_documents([tmp_path / "this", tmp_path / "that" / "results.json", tmp_path / "that" / "this"])
    assert [study.name for study in found.view.studies] == ["this", "that", "this (2)"]
    assert len(found.no_examples) == 3


def test_examples_of_another_run_are_not_shown(tmp_path):
    (tmp_path / "results.json").write_bytes(REAL.read_bytes())
    examples = {
        "schema_version": 1, "data_sha256": {"target": "other"}, "deployed": [], "score_threshold": 0.25,
        "iou_threshold": 0.5, "classes": {}, "head_classes": {}, "models": [], "images": [],
    }  # fmt: skip
    (tmp_path / "examples.json").write_text(json.dumps(examples))
    found = read_documents([tmp_path])
    assert found.examples == {}
    assert "comes from a different run" in found.no_examples[0]


def test_a_row_is_made_again_by_its_own_command():
    results = read_documents([REAL]).view.studies[0].results
    row = results.rows[-2]
    command = row_command(results, row)
    assert command.endswith("--freeze 10 --seeds 0 --construction grafted --engine ort --precision fp32")
    assert command.count("--freeze") == command.count("--construction") == command.count("--engine") == 1
    assert "--epochs 10" in command
    results.command = "bench-freeze study.toml --freeze=22,15 --json --out 'a b'"
    command = row_command(results, row)
    assert command.startswith("bench-freeze study.toml --out 'a b' --freeze 10")
    results.command = "bench-freeze --freeze 22,10 --match-capacity 22,15"
    assert "--match-capacity" not in row_command(results, row)
    matched = msgspec.structs.replace(row, recipe="matched_22")
    assert "--match-capacity 22 --construction grafted --engine" in row_command(results, matched)


def test_a_profile_is_a_row_and_a_curve(tmp_path):
    from bench_freeze.report.figures.all import figures_of

    study = json.loads(REAL.read_text())
    row = study["rows"][0]
    latency = row["latency"]["model"] | {"verdict": "VALID"}
    points = [{"batch": b, "images_per_s": 10.0 * b, "latency": latency} for b in (1, 2, 4)]
    profile = {
        "schema_version": 1, "bench_freeze": "0.1.0", "command": "bench-freeze profile m.onnx", "finished": True,
        "model": {"file": "m.onnx", "sha256": row["artifact"]["onnx_sha256"], "bytes": 5, "heads": ["base"],
                  "imgsz": 320, "batch": None},
        "engine": {"name": "ort", "version": "1", "precision": "fp16", "device": "cuda:0"},
        "batch": 1, "images": "patterns", "settings": {}, "environment": {"cpu": "c"}, "throughput": points,
        "latency": {"model": latency, "pipeline": None},
        "energy": {"joules_per_call": 0.5, "joules_per_call_above_idle": 0.4, "idle_watts": 3.0, "window_s": 5.0,
                   "calls": 9, "windows_j": [0.48, 0.5, 0.53], "method": "NVML"},
    }  # fmt: skip
    (tmp_path / "board.profile.json").write_text(json.dumps(profile))
    view = read_documents([REAL, tmp_path / "board.profile.json"]).view
    found = view.rows[-1]
    assert found.name == "board: branched 22 fp16 cuda:0"
    assert (found.value("energy").value, found.value("energy").low, found.value("energy").high) == (0.5, 0.48, 0.53)
    assert found.value("throughput").value == 40.0
    assert not any("Energy" in sentence for sentence in view.absent)
    curve = next(figure for figure in figures_of(view) if figure.key == "throughput")
    assert (curve.series[0].x, curve.series[0].y) == ([1, 2, 4], [10.0, 20.0, 40.0])
