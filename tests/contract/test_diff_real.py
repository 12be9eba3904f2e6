"""Layer blame on the real dual-head model: every conversion, torch, a planted fault, and plans for TensorRT."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from bench_freeze.diff.blame import compare
from bench_freeze.diff.graph import Graph, corresponding
from bench_freeze.diff.rewrite import OWN, cut, exposed
from bench_freeze.diff.side import OrtSide
from bench_freeze.engines.tensorrt_family import installed
from bench_freeze.export.builder import PlanOptions

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("batch", [1, None])
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_conversions_keep_every_tensor_and_stay_within_their_bounds(
    export_dual, convert_dual, precision, batch, real_images
):
    a, b = OrtSide(export_dual(15, batch)), OrtSide(convert_dual(15, batch, precision))
    found = compare(a, b, [real_images[i : i + 1] for i in range(2)])
    assert found.unpaired == 0
    assert not found.diverges
    assert sum(layer.operator == "Conv" for layer in found.layers) > 90
    worst = max(layer.cumulative for layer in found.layers)
    assert worst > max(layer.own for layer in found.layers) > 0
    assert {layer.heads for layer in found.layers} == {("base", "target"), ("base",), ("target",)}


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_planted_fault_is_named_through_a_conversion(convert_dual, export_dual, precision, real_images, tmp_path):
    """The scale of one quantized weight, or one weight of fp16, is wrong: as a converter's bug would be."""
    model = onnx.load(convert_dual(15, 1, precision))
    suffix = {"fp16": "weight_half", "int8": "weight_scale"}[precision]
    wrong = next(w for w in model.graph.initializer if w.name == f"trunk.6.cv1.conv.{suffix}")
    wrong.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(wrong) * np.array(1.6).astype("e"), wrong.name))
    if precision == "int8":
        wrong.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(wrong).astype(np.float32), wrong.name))
    onnx.save(model, tmp_path / "wrong.onnx")
    found = compare(OrtSide(export_dual(15, 1)), OrtSide(tmp_path / "wrong.onnx"), [real_images[:1]])
    for verdict in found.verdicts:
        assert found.layers[verdict.at_fault].layer == "trunk.6.cv1.conv"
    assert [layer.layer for layer in found.layers if layer.own > found.bounds.own] == ["trunk.6.cv1.conv"]


def test_torch_and_its_export_have_one_graph(embedded_files, real_images, tmp_path):
    from bench_freeze.deployment.deployment import Candidate
    from bench_freeze.diff.torch_side import TorchSide
    from bench_freeze.dualhead.checkpoint import load_checkpoint
    from bench_freeze.export.onnx_export import export_onnx

    candidate = Candidate("original", load_checkpoint(embedded_files[0]))
    export_onnx(candidate.module(), candidate.card(160, 1), tmp_path / "m.onnx", opset=18)
    torch, ort = TorchSide("base.pt", candidate, 160, 1), OrtSide(tmp_path / "m.onnx")
    for a, b in ((torch, ort), (ort, torch)):
        found = compare(a, b, [real_images[:1]])
        assert not found.diverges
        assert sum(layer.operator == "Conv" for layer in found.layers) > 60
        assert any(layer.operator == "Concat" for layer in found.layers)
        assert 0 < max(layer.own for layer in found.layers) < 1e-5
    with_fault = onnx.load(tmp_path / "m.onnx")
    weights = next(w for w in with_fault.graph.initializer if w.name.endswith("12.m.0.cv1.conv.weight"))
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * 1.3, weights.name))
    onnx.save(with_fault, tmp_path / "wrong.onnx")
    found = compare(torch, OrtSide(tmp_path / "wrong.onnx"), [real_images[:1]])
    assert found.layers[found.verdicts[0].at_fault].layer == weights.name.removesuffix(".weight")


@pytest.mark.trt_build
@pytest.mark.skipif(not any(t.member.ahead_of_time for t in installed()), reason="TensorRT for RTX is not installed")
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_tensorrt_builds_the_plans_of_a_comparison(export_dual, convert_dual, precision, real_images):
    """Exposed and cut into pieces: what runs on a GPU is built here, with every tensor that blame asks for."""
    from bench_freeze.diff.trt_side import build_rewritten

    options = PlanOptions(compute_capability="86")
    a, b = Graph(onnx.load(export_dual(15, 1))), Graph(onnx.load(convert_dual(15, 1, precision)))
    tensors = [pair.b for pair in corresponding(a, b)]
    built = build_rewritten(exposed(b, tensors), 1, "exposed", options)
    assert {o["name"] for o in built.outputs} == {*tensors, "base", "target"}
    shapes = {o["name"]: tuple(o["shape"]) for o in built.outputs}
    pieces = build_rewritten(cut(b, {name: shapes[name] for name in tensors}), 1, "cut", options)
    assert {o["name"] for o in pieces.outputs} == {name + OWN for name in tensors}
    assert {tuple(o["shape"]) for o in pieces.outputs} == {shapes[name] for name in tensors}
    kinds = {o["dtype"] for o in pieces.outputs}
    assert kinds == ({"float32", "float16"} if precision == "fp16" else {"float32"})
