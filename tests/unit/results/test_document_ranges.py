"""Documents that lie: versions, counts, shares, intervals and open parts that no run writes are refused."""

import json
from pathlib import Path

import pytest
from bench.robustness.document_kinds import kinds

from bench_freeze import cli
from bench_freeze.check.read import read_side
from bench_freeze.errors import InputError
from bench_freeze.report.documents import read_document, read_documents
from bench_freeze.report.html.page import report_page
from bench_freeze.report.provenance import origins
from bench_freeze.text.json_text import encoded

DOCUMENTS = {kind.name: kind.real[0] for kind in kinds() if kind.is_json}
READERS = {"results.json": (read_document, read_side), "profile": (read_document, read_side), "baseline": (read_side,)}


def edited(tmp_path, name, path, value):
    document = json.loads(DOCUMENTS[name])
    place = document
    *steps, last = path.split(".")
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[last] = value
    file = tmp_path / "results.json"
    file.write_text(json.dumps(document))
    return file


def refused(file, name):
    for reader in READERS[name]:
        with pytest.raises(InputError) as error:
            reader(file)
        assert str(file) in str(error.value)


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("version", [0, -1, 1.5, 1.0, "x", "1", True, None, [], {}, 2, 10**30, 10**4000])
def test_schema_versions_are_whole_numbers_from_1_that_are_known(tmp_path, name, version):
    refused(edited(tmp_path, name, "schema_version", version), name)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_real_documents_are_read(tmp_path, name):
    for reader in READERS[name]:
        reader(edited(tmp_path, name, "about" if name != "profile" else "images", "x"))


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("rows.0.target.map", [-0.1, 1.1, 7, 1e300, "0.5"]),
        ("rows.0.base_delta_map", [-1.1, 1.1]),
        ("rows.0.target.detections", [-1, 1.5, 2**63, 10**400]),
        ("rows.0.artifact.bytes", [-1, 2**60]),
        ("rows.0.freeze", [-1, None, True]),
        ("rows.0.data_fraction", [-0.5, 1.5]),
        ("rows.0.device", ["cuda:x", "cuda:-1", "", "cpu\n", "cuda:99999999999999"]),
        ("rows.0.train.seconds", [-1, 1e300]),
        ("rows.0.train.changed", [{"lr0": 1}, {"lr0": [1]}, {"lr0": [1, 2, 3]}]),
        ("data.base.images", [-1, 0.5]),
        ("matches", [{"file": "../../etc/passwd", "sha256": "a", "bytes": 1}, {"file": "", "sha256": "a", "bytes": 1}]),
        ("statistics.arms.0.target.interval", [{"low": 0.5, "high": 0.4}]),
        ("statistics.alpha", [-0.1, 1.1]),
        ("settings", [{"protocol": 1}, []]),
        ("settings.max_detections", [-1, "many", None]),
        ("study.seeds", [[], "0", [-1]]),
        ("study.device", ["cuda:x", 0]),
        ("study.weights", [5, [], [1], ""]),
        ("environment.gpus", ["A100", [1], {}]),
        ("weights.classes", ["cat", [1]]),
    ],
)
def test_values_that_no_run_writes_are_refused(tmp_path, path, values):
    for value in values:
        refused(edited(tmp_path, "results.json", path, value), "results.json")


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("latency.model.verdict", ["GOOD", "valid", ""]),
        (
            "latency.model.bounds.p50",
            [{"low_s": 2, "high_s": 1}, {"low_s": -1, "high_s": 1}],
        ),
        ("latency.telemetry", [{"missing": {"a": 1}}, {"before": {"cpu": {"at_s": "now"}}}, {"after": []}]),
        ("model", [{}, {"file": "m"}, {"file": "", "sha256": "a", "bytes": 1, "imgsz": 1}]),
        ("engine.device", ["gpu", None]),
        ("throughput.0.batch", [-1, 1.5]),
    ],
)
def test_values_that_no_profile_has_are_refused(tmp_path, path, values):
    for value in values:
        refused(edited(tmp_path, "profile", path, value), "profile")


@pytest.mark.parametrize("command", ["bench-freeze 'run", 'a "b', "x \\", ""])
def test_a_command_that_no_shell_reads_leaves_its_place_empty(tmp_path, command):
    documents = read_documents([edited(tmp_path, "results.json", "command", command)])
    assert {origin.command for origin in origins(documents.view)} == {""}
    assert report_page(documents.view, documents.examples, documents.no_examples)


def test_names_that_are_no_text_are_written_and_read_again(tmp_path):
    content = encoded({"name": "a\udcff", "more": ["\udcfe", {"\ud800": 1}]})
    assert json.loads(content) == {"name": "a\\udcff", "more": ["\\udcfe", {"\\ud800": 1}]}


def test_every_committed_result_is_read(capsys):
    for file in sorted(Path("bench/results").glob("fruit9_*.json")):
        if "rows" in json.loads(file.read_bytes()):
            assert cli.main(["report", str(file)]) == 0
