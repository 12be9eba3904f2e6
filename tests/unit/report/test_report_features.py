"""Analyses of a training in its report: drift of the layers, AP in parts."""

import json
from pathlib import Path

from bench_freeze.report.assemble import view_of
from bench_freeze.report.figures.all import figures_of
from bench_freeze.results.schema import decode

REAL = Path(__file__).parents[3] / "bench" / "results" / "fruit9_coco206_320.json"


def test_drift_has_a_line_for_each_set_and_training():
    content = json.loads(REAL.read_text())
    shift, still = {"cosine": 0.9, "relative_l2": 0.2}, {"cosine": 1.0, "relative_l2": 0.0}
    layers = [
        {
            "layer": i, "kind": "Conv", "frozen": i < 1, "weights": shift if i else still,
            "bn_mean": None, "bn_var": None,
            "base": {"cka": 1 - i / 4, "cosine": 1.0, "relative_l2": 0.0},
            "target": {"cka": None if i == 2 else 1 - i / 5, "cosine": 1.0, "relative_l2": 0.0},
        }
        for i in range(3)
    ]  # fmt: skip
    for row in content["rows"][:3]:  # the constructions of one training
        row["analysis"] = {"drift": layers}
    figures = {figure.key: figure for figure in figures_of(view_of({"study": decode(json.dumps(content).encode())}))}
    drift = figures["drift"]
    assert [series.name for series in drift.series] == ["freeze 22, base set", "freeze 22, target set"]
    assert drift.series[0].y == [1.0, 0.75, 0.5]
    assert drift.series[1].y == [1.0, 0.8, None]
    assert "0.500 at layer 2" in drift.says
    assert figures["drift-weights"].series[0].y == [0.0, 0.2, 0.2]
    assert "recovery" not in figures


def test_parts_have_intervals_and_undefined_ones_are_left_out():
    content = json.loads(REAL.read_text())
    part = {
        "images": 3,
        "objects": 7,
        "ap": {"value": 0.5, "low": 0.4, "high": 0.6},
        "ap50": {"value": 0.7, "low": 0.6, "high": 0.8},
    }
    nothing = {"value": None, "low": None, "high": None}
    content["rows"][0]["target"]["breakdown"] = {
        "by_iou": {"0.10": {"value": 0.8, "low": 0.7, "high": 0.9}, "0.50": {"value": 0.6, "low": 0.5, "high": 0.7}},
        "by_area": {"small": part | {"ap": nothing}, "large": part}, "by_count": {"1": part},
        "resamples": 9, "confidence": 0.95,
    }  # fmt: skip
    figures = {figure.key: figure for figure in figures_of(view_of({"study": decode(json.dumps(content).encode())}))}
    parts = figures["parts-target"].series[0]
    assert parts.x == ["large objects", "images with 1"]
    assert (parts.low, parts.high) == ([0.4, 0.4], [0.6, 0.6])
    assert "parts-base" not in figures
    curve = figures["iou-target"].series[0]
    assert (curve.x, curve.y, curve.high) == ([0.1, 0.5], [0.8, 0.6], [0.9, 0.7])
    assert len(figures["iou-target"].series[1].x) == 10
