"""fp16 and int8 ONNX: same contract, same answers within what the precision costs."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench_freeze.engines.base import Head, ModelCard
from bench_freeze.engines.ort_engine import OrtEngine
from bench_freeze.engines.replay_engine import ReplayEngine
from bench_freeze.errors import AuditError, InputError
from bench_freeze.export.decode import decode_part
from bench_freeze.export.half import to_half
from bench_freeze.export.onnx_card import read_card
from bench_freeze.export.precision import convert_precision, precision_loss
from bench_freeze.export.quantize import Int8Settings
from bench_freeze.export.ranges import BINS, least_divergence

pytestmark = pytest.mark.slow
PRECISIONS = ("fp16", "int8")


@pytest.mark.parametrize("batch", [1, None])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_contract_stays_and_the_card_says_the_precision(export_dual, convert_dual, precision, batch, real_images):
    source, path = export_dual(15, batch), convert_dual(15, batch, precision)
    assert path.stat().st_size < 0.6 * source.stat().st_size
    before, after = OrtEngine(source), OrtEngine(path)
    assert after.card == replace(before.card, precision=precision) == read_card(path)
    assert after.identity.precision == precision
    images = real_images[: batch or 3]
    outputs, expected = after.infer(images), before.infer(images)
    assert list(outputs) == ["base", "target"]
    assert all(outputs[n].dtype == np.float32 and outputs[n].shape == expected[n].shape for n in outputs)
    losses = {loss.head: loss for loss in precision_loss(before, after, real_images)}
    assert losses["base"].sure > 0
    assert losses["base"].score < {"fp16": 0.005, "int8": 0.15}[precision]
    assert losses["base"].box_px < {"fp16": 0.05, "int8": 3}[precision]


def test_the_decoding_of_boxes_stays_in_float32(export_dual, convert_dual):
    source = onnx.load(export_dual(15, 1))
    part = decode_part(source)
    assert len(part.last_layers) == 12  # two heads, three scales, boxes and classes
    kinds = {node.name: node.op_type for node in source.graph.node}
    assert {"Softmax", "Sigmoid", "Sub", "Div"} <= {kinds[name] for name in part.nodes}
    half = onnx.load(convert_dual(15, 1, "fp16"))
    types = {w.name: w.data_type for w in half.graph.initializer}
    for node in half.graph.node:
        wanted = TensorProto.FLOAT if node.name in part.nodes else TensorProto.FLOAT16
        if node.op_type == "Conv":
            assert types[node.input[1]] == wanted, node.name


def test_int8_is_what_tensorrt_takes(convert_dual):
    model = onnx.load(convert_dual(15, 1, "int8"))
    weights = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    producers = {o: n for n in model.graph.node for o in n.output}
    quantized = 0
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear":
            assert not weights[node.input[2]].any()  # symmetric
            assert weights[node.input[2]].dtype == np.int8  # no int32 biases
        if node.op_type == "Conv" and producers.get(node.input[1], node).op_type == "DequantizeLinear":
            quantized += 1
            per_channel = weights[producers[node.input[1]].input[1]]
            assert per_channel.shape == (len(weights[producers[node.input[1]].input[0]]),)
            assert weights[producers[node.input[0]].input[1]].size == 1
    last = set(decode_part(model).last_layers)
    assert quantized > 70
    assert all(producers.get(n.input[1]) is None for n in model.graph.node if n.name in last)


def test_the_last_layers_can_be_quantized_too_and_entropy_calibrates(export_dual, real_images, tmp_path):
    settings = Int8Settings("entropy", last_layers=True)
    facts = convert_precision(export_dual(15, 1), tmp_path / "m.onnx", "int8", real_images, settings)
    assert facts["float32_convolutions"] == 2  # only the sums that decode boxes
    assert facts["calibration"] == "entropy"
    assert [loss["head"] for loss in facts["loss"]] == ["base", "target"]


def test_a_converted_model_is_not_converted_again(convert_dual, real_images, tmp_path):
    with pytest.raises(InputError, match="is fp16 already"):
        convert_precision(convert_dual(15, 1, "fp16"), tmp_path / "m.onnx", "int8", real_images)


def test_what_overflows_stays_in_float32(tmp_path):
    """A node whose values pass float16's range on the images is left alone, and the result is right."""
    gain = numpy_helper.from_array(np.array([3e5], np.float32), "gain")
    shrink = numpy_helper.from_array(np.array([1e-5], np.float32), "shrink")
    nodes = [
        helper.make_node("Relu", ["images"], ["a"], name="first"),
        helper.make_node("Mul", ["a", "gain"], ["b"], name="beyond_by_weight"),
        helper.make_node("Mul", ["b", "b"], ["c"], name="beyond_by_value"),
        helper.make_node("Mul", ["c", "shrink"], ["d"], name="back"),
        helper.make_node("Mul", ["d", "shrink"], ["e"], name="small"),
        helper.make_node("Relu", ["e"], ["base"], name="last"),
    ]
    shape = [1, 3, 8, 8]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("images", "base")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], [gain, shrink])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    from bench_freeze.export.ranges import largest_values

    images = np.random.default_rng(0).random((4, *shape[1:]), dtype=np.float32)
    largest = largest_values(model, ["a", "b", "c", "d"], images, tmp_path)
    assert largest["a"] <= 1 < 65504 < largest["b"] < largest["c"]
    half = to_half(model, ["beyond_by_value", "back", "small"])
    onnx.checker.check_model(half, full_check=True)
    import onnxruntime as ort

    session = ort.InferenceSession(half.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, {"images": images[:1]})[0]
    assert found.dtype == np.float32
    assert np.allclose(found, (images[:1] * 3e5) ** 2 * 1e-10, rtol=2e-3)


def test_a_model_with_control_flow_is_refused():
    branch = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])], "b", [], [helper.make_tensor_value_info("z", 1, [1])]
    )
    nodes = [helper.make_node("If", ["c"], ["y"], name="if", then_branch=branch, else_branch=branch)]
    inputs = [helper.make_tensor_value_info("x", 1, [1]), helper.make_tensor_value_info("c", TensorProto.BOOL, [])]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("y", 1, [1])])
    with pytest.raises(InputError, match="control flow"):
        to_half(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), [])


def test_entropy_clips_what_is_rare_and_keeps_what_is_common():
    values = np.abs(np.random.default_rng(0).normal(0, 1, 200_000))
    with_outlier = np.append(values, 60.0)  # one in two hundred thousand, fifteen times as large as the rest
    fraction = least_divergence(np.histogram(with_outlier, BINS, (0, 60.0))[0])
    assert 2 < fraction * 60 < 20
    uniform = np.full(BINS, 100)
    assert least_divergence(uniform) > 0.9
    assert least_divergence(np.zeros(BINS, np.int64)) == 1.0


def test_a_conversion_that_went_wrong_fails_its_audit(real_images):
    from bench_freeze.export.precision import _audit

    card = ModelCard((Head("base", ("a",), "raw"),), 160, 1, None)
    sure = np.full((1, 5, 10), 0.9, np.float32)
    wrong = sure.copy()
    wrong[0, 4] = np.nan
    losses = precision_loss(
        ReplayEngine(card, [{"base": sure}]), ReplayEngine(card, [{"base": wrong}]), real_images[:1]
    )
    assert losses[0].sure == 10
    with pytest.raises(AuditError, match="output 'base'"):
        _audit(losses, "int8")
