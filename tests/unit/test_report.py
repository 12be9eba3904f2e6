"""The schema of results and the table made of them."""

import json
from pathlib import Path

import msgspec
import pytest

from bench_freeze.report import schema
from bench_freeze.report.table import HEADINGS, markdown_table, plain_table, table_rows, terminal_table


def test_the_committed_json_schema_is_the_code():
    file = Path(schema.__file__).with_name("results.schema.json")
    assert json.loads(file.read_text()) == schema.json_schema()


@pytest.fixture
def results():
    accuracy = {
        "map": 0.3, "map50": 0.5, "map75": None, "map_small": None, "map_medium": None, "map_large": None,
        "per_class": {"a": {"ap": 0.3, "ap50": 0.5, "ground_truth": 4}},
        "ap_by_iou": {"0.50": 0.5}, "detections": 7, "dropped_detections": 0,
    }  # fmt: skip
    latency = {
        "n": 2, "mean_s": 0.0015, "p50_s": 0.001, "p90_s": None, "p99_s": None, "samples_s": [0.001, 0.002],
        "stopped_by": "samples", "warmup_calls": 5,
    }  # fmt: skip
    hashes = {"weights_sha256": "w", "onnx_sha256": "o", "plan_sha256": None, "bytes": 12_680_000}
    common = {"engine": "ort", "precision": "fp32", "imgsz": 320, "batch": 1, "device": "cpu", "base": accuracy}
    common |= {"latency": {"model": latency, "pipeline": None}, "memory": {"peak_bytes": None}, "artifact": hashes}
    train = {"seconds": 1.0, "peak_bytes": None, "requested": {}, "effective": {}, "changed": {}, "audit": {}}
    train |= {"head_init": "name_remap", "head_start": {}, "frozen_bn": "eval"}
    row = common | {
        "freeze": 22, "seed": 0, "construction": "grafted", "graft_at": 22, "protocol": "coco", "data_sha256": "d",
        "target": accuracy, "target_merged": None, "base_merged": None,
        "base_original": {"map": 0.31, "map50": 0.5}, "base_delta_map": -0.01, "train": train,
    }  # fmt: skip
    content = {
        "schema_version": 1, "bench_freeze": "0", "about": "a test", "command": "", "finished": True,
        "study": {"batch": 1}, "environment": {}, "weights": {}, "data": {}, "originals": [common], "rows": [row],
        "settings": {"protocol": "coco", "score_threshold": 0.001, "nms_iou_threshold": 0.7, "max_detections": 300},
    }  # fmt: skip
    return msgspec.convert(content, schema.Results)


def test_results_survive_the_disk(results):
    assert schema.decode(schema.encode(results)) == results


def test_the_table_shows_what_was_measured_and_a_dash_for_the_rest(results):
    original, row = (dict(zip(HEADINGS, cells, strict=True)) for cells in table_rows(results))
    assert original["construction"] == "original"
    assert row["change"] == "-0.0100"
    assert row["target mAP50"] == "0.5000"
    assert row["model p50 ms"] == "1.00"
    assert row["pipeline p50 ms"] == "-"
    assert row["size"] == "12.68 MB"


def test_every_form_has_the_same_cells(results):
    cells = [cell for row in table_rows(results) for cell in row]
    for text in (plain_table(results), markdown_table(results)):
        assert all(cell in text for cell in cells)
    assert terminal_table(results).row_count == 2


def test_a_key_that_is_missing_is_named(results):
    content = json.loads(schema.encode(results))
    del content["rows"][0]["freeze"]
    with pytest.raises(msgspec.ValidationError, match="freeze"):
        schema.decode(json.dumps(content).encode())
