"""Layer blame on small models whose right answer is known."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench_freeze import cli
from bench_freeze.diff.blame import Bounds, compare
from bench_freeze.diff.graph import Graph, corresponding
from bench_freeze.diff.side import OrtSide
from bench_freeze.engines.base import Head, ModelCard
from bench_freeze.engines.ort_engine import CARD_KEY
from bench_freeze.errors import InputError

SIZE = 32
LAYERS = 6


def chain(scale=None, rename=False, extra=False, heads=("base",)):
    """A stack of 1x1 convolutions with ReLU, all of norm about 1, and a head [B, 6, A] behind it.

    `scale` multiplies the weights of single layers; `rename` gives all inner tensors and nodes other names; `extra`
    puts a Cast to float16 and back behind every convolution.
    """
    rng = np.random.default_rng(0)
    nodes, weights = [], []
    tensor = "images"
    for i in range(LAYERS):
        channels = 3 if i == 0 else 8
        values = (rng.normal(size=(8, channels, 1, 1)) / np.sqrt(channels) + 0.1).astype(np.float32)
        if scale and i in scale:
            values[:4] *= scale[i]
        weights.append(numpy_helper.from_array(values, f"m.{i}.conv.weight"))
        nodes.append(helper.make_node("Conv", [tensor, f"m.{i}.conv.weight"], [f"conv{i}"], name=f"node_conv{i}"))
        tensor = f"conv{i}"
        if extra:
            nodes.append(helper.make_node("Cast", [tensor], [f"h{i}"], name=f"c{i}", to=TensorProto.FLOAT16))
            nodes.append(helper.make_node("Cast", [f"h{i}"], [f"f{i}"], name=f"d{i}", to=TensorProto.FLOAT))
            tensor = f"f{i}"
        nodes.append(helper.make_node("Relu", [tensor], [f"relu{i}"], name=f"node_relu{i}"))
        tensor = f"relu{i}"
    for head in heads:
        weights.append(numpy_helper.from_array(rng.random((6, 8, 1, 1), np.float32) / 8, f"{head}.out.weight"))
        nodes.append(helper.make_node("Conv", [tensor, f"{head}.out.weight"], [f"{head}_out"], name=f"node_{head}"))
        nodes.append(helper.make_node("Reshape", [f"{head}_out", "shape"], [head], name=f"flat_{head}"))
    weights.append(numpy_helper.from_array(np.array([0, 6, -1]), "shape"))
    if rename:
        for node in nodes:
            node.name = f"x_{node.name}"
            for names in (node.input, node.output):
                for k, name in enumerate(names):
                    if name.startswith(("conv", "relu")):
                        # Names of the other model, at another place: nothing may be paired by them.
                        names[k] = f"relu{LAYERS - 1 - int(name[4:])}" if name.startswith("conv") else f"t_{name}"
    outputs = [helper.make_tensor_value_info(head, TensorProto.FLOAT, ["N", 6, SIZE * SIZE]) for head in heads]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])
    graph = helper.make_graph(nodes, "g", [images], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    card = ModelCard(tuple(Head(name, ("a", "b"), "raw") for name in heads), SIZE, None, None)
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD_KEY, json.dumps(card.to_dict())
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.fixture
def batches():
    return [np.random.default_rng(i).random((2, 3, SIZE, SIZE), np.float32) for i in range(2)]


@pytest.fixture
def side(tmp_path):
    def make(model, name="m.onnx"):
        onnx.save(model, tmp_path / name)
        return OrtSide(tmp_path / name)

    return make


def test_equal_models_do_not_differ(side, batches):
    found = compare(side(chain(), "a.onnx"), side(chain(), "b.onnx"), batches)
    assert not found.diverges
    assert found.images == 4
    assert found.unpaired == 0
    assert [layer.cumulative for layer in found.layers] == [0.0] * (2 * LAYERS + 2)
    assert [layer.own for layer in found.layers] == [0.0] * (2 * LAYERS + 2)


def test_a_fault_in_the_middle_is_told_from_what_follows_it(side, batches):
    found = compare(side(chain(), "a.onnx"), side(chain({3: 1.5}), "b.onnx"), batches)
    assert found.diverges
    (verdict,) = found.verdicts
    at_fault = found.layers[verdict.at_fault]
    assert (at_fault.layer, at_fault.operator, at_fault.tensor) == ("m.3.conv", "Conv", "conv3")
    assert verdict.first == verdict.at_fault
    by_tensor = {layer.tensor: layer for layer in found.layers}
    assert by_tensor["conv3"].own == pytest.approx(by_tensor["conv3"].cumulative)
    for later in ("relu3", "conv4", "conv5", "base_out"):  # they only pass on what they were given
        assert by_tensor[later].cumulative > 0.1
        assert by_tensor[later].own == 0.0
    for earlier in ("conv0", "relu2"):
        assert by_tensor[earlier].cumulative == 0.0


def test_two_faults_are_both_seen_though_the_first_hides_the_second(side, batches):
    found = compare(side(chain(), "a.onnx"), side(chain({1: 2.0, 4: 1.5}), "b.onnx"), batches)
    assert [layer.layer for layer in found.layers if layer.own > 0.05] == ["m.1.conv", "m.4.conv"]


def test_errors_that_add_up_are_no_ones_fault(side, batches):
    slightly = dict.fromkeys(range(LAYERS), 1.01)
    found = compare(side(chain(), "a.onnx"), side(chain(slightly), "b.onnx"), batches, Bounds(0.025, 0.02))
    (verdict,) = found.verdicts
    assert verdict.at_fault is None
    assert found.layers[verdict.first].cumulative > 0.025
    assert max(layer.own for layer in found.layers) < 0.012
    assert found.diverges


def test_values_that_are_no_number_are_infinitely_far(side, batches):
    found = compare(side(chain(), "a.onnx"), side(chain({2: np.nan}), "b.onnx"), batches)
    assert found.layers[found.verdicts[0].at_fault].layer == "m.2.conv"
    assert found.verdicts[0].deployed == np.inf


def test_a_head_is_blamed_alone(side, batches):
    both = ("base", "target")
    a, b = chain(heads=both), chain(heads=both)
    weights = next(w for w in b.graph.initializer if w.name == "target.out.weight")
    weights.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weights), weights.name))
    found = compare(side(a, "a.onnx"), side(b, "b.onnx"), batches)
    verdicts = {verdict.head: verdict for verdict in found.verdicts}
    assert verdicts["base"].at_fault is None
    assert verdicts["base"].deployed == 0.0
    assert found.layers[verdicts["target"].at_fault].layer == "target.out"
    assert found.layers[0].heads == both


@pytest.mark.parametrize("extra", [False, True])
def test_tensors_are_paired_by_their_place_not_by_their_names(extra):
    a, b = Graph(chain()), Graph(chain(rename=True, extra=extra))
    pairs = {pair.a: pair for pair in corresponding(a, b)}
    assert list(pairs) == [f"{kind}{i}" for i in range(LAYERS) for kind in ("conv", "relu")] + ["base_out", "base"]
    for i in range(LAYERS):
        assert pairs[f"conv{i}"].b == f"relu{LAYERS - 1 - i}"
        assert pairs[f"relu{i}"].b == f"t_relu{i}"
        assert pairs[f"conv{i}"].layer == f"m.{i}.conv"


def test_what_the_walk_does_not_reach_is_paired_by_name():
    a, b = chain(), chain()
    relu = next(node for node in b.graph.node if node.name == "node_relu4")
    relu.op_type = "LeakyRelu"
    pairs = [pair.a for pair in corresponding(Graph(a), Graph(b))]
    assert "relu4" not in pairs
    assert {"conv4", "relu3", "conv0"} <= set(pairs)


def test_nothing_behind_the_models_own_selection_is_compared():
    model = chain()
    k = numpy_helper.from_array(np.array([5]), "k")
    model.graph.initializer.append(k)
    model.graph.node.append(helper.make_node("TopK", ["base", "k"], ["best", "which"], name="topk"))
    model.graph.node.append(helper.make_node("Relu", ["best"], ["chosen"], name="last"))
    model.graph.output.append(helper.make_tensor_value_info("chosen", TensorProto.FLOAT, None))
    pairs = [pair.a for pair in corresponding(Graph(model), Graph(model))]
    assert "base" in pairs
    assert not {"best", "chosen"} & set(pairs)


def test_models_that_cannot_be_compared_are_refused(side, batches):
    with pytest.raises(InputError, match="no head of the same name"):
        compare(side(chain(), "a.onnx"), side(chain(heads=("target",)), "b.onnx"), batches)


def test_the_command_names_the_layer_and_exits_with_1(tmp_path, capsys):
    onnx.save(chain(), tmp_path / "a.onnx")
    onnx.save(chain({3: 1.5}), tmp_path / "b.onnx")
    files = [str(tmp_path / "a.onnx"), str(tmp_path / "b.onnx")]
    assert cli.main(["diff", *files]) == 1
    out = capsys.readouterr().out
    assert "base: outputs differ by" in out
    assert "at fault: m.3.conv (Conv, tensor conv3)" in out
    assert cli.main(["diff", *files, "--bound", "2", "--own-bound", "2"]) == 0
    capsys.readouterr()
    assert cli.main(["diff", *files, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["layers"][found["verdicts"][0]["at_fault"]]["layer"] == "m.3.conv"
    assert found["diverges"]
    assert cli.main(["diff", files[0], files[0]]) == 0
    assert "within the bounds at every layer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.onnx", "a.onnx"], "there is no such file"),
        (["a.onnx", "thing.bin"], "does not say what it is"),
        (["a.onnx", "ort:m.plan"], "reads .onnx files only"),
        (["a.onnx", "a.onnx", "--bound", "-1"], "--bound -1.0"),
        (["a.onnx", "a.onnx", "--count", "0"], "--count 0"),
        (["a.onnx", "a.onnx", "--freeze", "3"], "belong to a checkpoint"),
        (["a.onnx", "a.onnx", "--images", "."], "there are no images"),
    ],
)
def test_wrong_usage_is_a_sentence(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    onnx.save(chain(), "a.onnx")
    (tmp_path / "m.plan").write_bytes(b"plan")
    assert cli.main(["diff", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_sizes_and_batches_must_fit(tmp_path, capsys):
    onnx.save(chain(), tmp_path / "a.onnx")
    other = chain()
    card = ModelCard((Head("base", ("a", "b"), "raw"),), 64, None, None)
    other.metadata_props[0].value = json.dumps(card.to_dict())
    for side in (2, 3):  # a card that contradicts its graph would be refused before
        other.graph.input[0].type.tensor_type.shape.dim[side].dim_value = 64
    other.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 64 * 64
    onnx.save(other, tmp_path / "b.onnx")
    assert cli.main(["diff", str(tmp_path / "a.onnx"), str(tmp_path / "b.onnx")]) == 2
    assert "images of 32 pixels and B of 64" in capsys.readouterr().err
