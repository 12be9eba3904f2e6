"""The commands on a GPU: a study with plans, a profile of a plan, layer blame, ONNX Runtime's GPU providers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench_freeze import cli
from bench_freeze.engines.availability import availability, letterbox_device
from bench_freeze.engines.open import open_exported
from bench_freeze.engines.ort_engine import OrtEngine
from bench_freeze.export.builder import PlanOptions
from bench_freeze.export.plan import build_plan
from bench_freeze.results.profile import decode_profile

pytestmark = [pytest.mark.trt, pytest.mark.slow]


def test_a_study_has_rows_of_plans_with_their_builds(tmp_path, capsys):
    arguments = ["--freeze", "22", "--epochs", "1", "--construction", "branched", "--latency-samples", "100", "--json"]
    arguments += [
        "--engine",
        "ort,trt",
        "--precision",
        "fp32,fp16,int8",
        "--builds",
        "2",
        "--out",
        str(tmp_path / "out"),
    ]
    assert cli.main(arguments) == 0
    results = json.loads(capsys.readouterr().out)
    rows = {(row["engine"], row["precision"]): row for row in results["rows"]}
    for precision in ("fp32", "fp16", "int8"):
        plan, onnx = rows["trt", precision], rows["ort", precision]
        assert plan["artifact"]["onnx_sha256"] == onnx["artifact"]["onnx_sha256"]
        assert plan["base"]["map"] == pytest.approx(onnx["base"]["map"], abs=0.03)
        assert plan["target"]["map"] == pytest.approx(onnx["target"]["map"], abs=0.03)
        assert plan["latency"]["model"]["p50_s"] > 0
        stages = plan["latency"]["pipeline"]["stages_s"]
        assert {"copy_in", "letterbox", "network", "copy_out"} <= stages.keys()
        assert plan["letterbox"] == letterbox_device("trt")
        assert onnx["letterbox"] == "cpu"
        assert len(plan["builds"]["plans"]) == 2
        assert plan["builds"]["within_run_s"] > 0
        assert onnx["builds"] is None


def test_a_profile_of_a_plan_and_of_its_onnx(convert_dual, embedded_files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    onnx = tmp_path / "m.onnx"
    onnx.write_bytes(convert_dual(15, 1, "fp16").read_bytes())
    build_plan(onnx, tmp_path / "m.plan", PlanOptions())
    quick = ["--seconds", "1", "--samples", "100", "--base", str(embedded_files[2])]
    assert cli.main(["profile", "m.plan", *quick]) == 0
    profile = decode_profile((tmp_path / "m.profile.json").read_bytes())
    assert profile.engine["name"] == "trt"
    assert profile.accuracy[0].alone.map > 0.2
    assert cli.main(["profile", "m.onnx", "--engine", "trt", *quick, "--out", "o.json"]) == 0
    built = decode_profile((tmp_path / "o.json").read_bytes())
    assert built.accuracy[0].alone.map == pytest.approx(profile.accuracy[0].alone.map, abs=0.01)
    side_car = tmp_path / "m.plan.json"
    facts = json.loads(side_car.read_text())
    facts["target"]["capability"] = "10"
    side_car.write_text(json.dumps(facts))
    assert cli.main(["profile", "m.plan", *quick, "--out", "p.json"]) == 0
    rebuilt = decode_profile((tmp_path / "p.json").read_bytes())
    assert "does not fit this machine" in rebuilt.model["plan"]["why"]


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_layer_blame_of_a_plan(convert_dual, precision, tmp_path, capsys):
    onnx = str(convert_dual(15, 1, precision))
    assert cli.main(["diff", onnx, f"trt:{onnx}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["unpaired"] == 0
    assert len(found["layers"]) > 300


@pytest.mark.parametrize("engine", ["ort", "ort-trt"])
def test_onnx_runtimes_gpu_providers_answer_as_its_cpu_does(convert_dual, engine, real_images):
    answer = availability(engine, "cuda:0")
    if not answer.usable:
        pytest.skip(answer.reason)
    path = convert_dual(15, 1, "fp32")
    gpu, cpu = open_exported(engine, path, "cuda:0"), OrtEngine(path)
    assert gpu.identity.provider == {"ort": "CUDAExecutionProvider", "ort-trt": "TensorrtExecutionProvider"}[engine]
    for name, values in gpu.infer(real_images[:1]).items():
        np.testing.assert_allclose(values, cpu.infer(real_images[:1])[name], atol=0.3, rtol=0.02)
    assert gpu.stage_seconds["copy_in"] > 0  # type: ignore[attr-defined]
