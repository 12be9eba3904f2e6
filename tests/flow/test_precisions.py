"""A study in several precisions, and what fp16 and int8 cost on the real data."""

import json

import pytest

from bench_freeze import cli

pytestmark = pytest.mark.slow


def test_every_precision_has_its_rows_and_its_own_original(tmp_path, capsys):
    arguments = ["--freeze", "22", "--epochs", "1", "--latency-samples", "0", "--construction", "branched", "--json"]
    arguments += ["--engine", "torch,ort", "--precision", "fp32,fp16,int8", "--out", str(tmp_path / "out")]
    assert cli.main(arguments) == 0
    results = json.loads(capsys.readouterr().out)
    expected = [("torch", "fp32"), ("ort", "fp32"), ("ort", "fp16"), ("ort", "int8")]
    rows = {(r["engine"], r["precision"]): r for r in results["rows"]}
    originals = {(o["engine"], o["precision"]): o for o in results["originals"]}
    assert list(rows) == list(originals) == expected
    for how, row in rows.items():
        assert row["base_original"]["map"] == originals[how]["base"]["map"]
        assert row["artifact"]["plan_sha256"] is None
    sizes = [rows[how]["artifact"]["bytes"] for how in expected[1:]]
    assert sizes == sorted(sizes, reverse=True)
    assert len({rows[how]["artifact"]["onnx_sha256"] for how in expected[1:]}) == 3
    # Isolation holds in half precision too: the trunk is the same, so the base head answers as the original does.
    assert rows["ort", "fp16"]["base_delta_map"] == pytest.approx(0, abs=1e-3)
    for how in expected[2:]:
        assert rows[how]["base"]["map"] == pytest.approx(rows["ort", "fp32"]["base"]["map"], abs=0.05)


@pytest.mark.data
def test_what_fp16_and_int8_cost_on_real_data(bench_freeze_data, tmp_path):
    """YOLOv8n at 320 pixels on every second image; the whole set's figures stand in bench/results."""
    from dataclasses import replace

    from bench_freeze.data.classes import map_classes
    from bench_freeze.data.source import open_base, open_target
    from bench_freeze.deployment.accuracy import score
    from bench_freeze.deployment.calibration import CalibrationSets
    from bench_freeze.deployment.deployment import Candidate
    from bench_freeze.deployment.pipeline import detect
    from bench_freeze.dualhead.checkpoint import load_checkpoint
    from bench_freeze.engines.ort_engine import OrtEngine
    from bench_freeze.export.onnx_export import export_onnx
    from bench_freeze.export.precision import convert_precision
    from bench_freeze.kernels.nms_options import NmsOptions

    base = load_checkpoint(bench_freeze_data / "weights/yolov8n_coco.pt")
    coco = open_base(bench_freeze_data / "coco206/annotations/instances_val2017.json", None, "val")
    training, _ = open_target(bench_freeze_data / "fruit9/fruit9.yaml", None, None, "val")
    candidate = Candidate("original", base)
    files = {"fp32": tmp_path / "fp32.onnx"}
    export_onnx(candidate.module(), candidate.card(320, 1), files["fp32"], opset=18)
    images = CalibrationSets((training, coco), 320).load()
    for precision in ("fp16", "int8"):
        files[precision] = tmp_path / f"{precision}.onnx"
        convert_precision(files["fp32"], files[precision], precision, images)
    truth = coco.ground_truth
    some = truth.image_index % 2 == 0
    fields = ("image_index", "labels", "boxes_xywh", "area", "is_crowd", "annotation_ids")
    columns = {name: getattr(truth, name)[some] for name in fields}
    columns["image_index"] = columns["image_index"] // 2
    ground_truth = replace(truth, image_ids=truth.image_ids[::2], **columns)
    half = replace(coco, images=coco.images[::2], ground_truth=ground_truth)
    classes = map_classes(base.class_names, coco.class_names, unmatched="ignore", head="", data="")
    found = {
        name: score(detect(OrtEngine(file), half, NmsOptions(), batch=1)["base"], classes, half).accuracy.map
        for name, file in files.items()
    }
    assert found["fp32"] > 0.28
    assert found["fp16"] == pytest.approx(found["fp32"], abs=0.003)
    assert found["int8"] == pytest.approx(found["fp32"], abs=0.03)  # 0.007 lower on the whole set
