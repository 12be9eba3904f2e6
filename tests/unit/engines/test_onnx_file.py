"""ONNX files read without the onnx package: what that package reads, and damage of every kind."""

from __future__ import annotations

import contextlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench_freeze.engines.model_file import read_model
from bench_freeze.engines.onnx_file import is_onnx, read_onnx
from bench_freeze.engines.own_selection import score_threshold
from bench_freeze.errors import InputError
from tests.unit.engines.onnx_models import DETECT, card, write

HUGE = 3 << 20


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "m.onnx", DETECT | card(), ("batch", 6, None), (None, 3, 64, 64), TensorProto.FLOAT16)


def test_reads_what_onnx_reads(path):
    file, model = read_onnx(path), onnx.load(path)
    assert file.metadata == {p.key: p.value for p in model.metadata_props}
    assert [n.op for n in file.nodes] == [n.op_type for n in model.graph.node]
    assert [n.inputs for n in file.nodes] == [tuple(n.input) for n in model.graph.node]
    assert (file.inputs[0].name, file.inputs[0].dtype, file.inputs[0].shape) == ("images", "float16", (None, 3, 64, 64))
    assert file.outputs[0].shape == ("batch", 6, None)


def test_every_cut_is_refused_or_another_whole_file(path, tmp_path):
    """A cut at a border between two fields leaves a sound message, of a model that says less of itself."""
    content, cut = path.read_bytes(), tmp_path / "cut.onnx"
    said, read = len(onnx.load(path).metadata_props), 0
    for length in range(len(content)):
        cut.write_bytes(content[:length])
        with contextlib.suppress(InputError):
            read_model(cut)
            assert 0 < len(onnx.load(cut).metadata_props) < said
            read += 1
    assert read < said


@pytest.mark.parametrize("seed", range(20))
def test_changed_bytes_never_end_in_a_traceback(path, tmp_path, seed):
    rng, changed = np.random.default_rng(seed), tmp_path / "changed.onnx"
    for _ in range(50):
        content = np.frombuffer(path.read_bytes(), np.uint8).copy()
        content[rng.integers(0, len(content), 3)] = rng.integers(0, 256, 3)
        changed.write_bytes(content.tobytes())
        with contextlib.suppress(InputError):  # anything else is what a user would see as a traceback
            assert read_model(changed).card.heads


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"not a model", b"\xff" * HUGE, b"\0" * HUGE, b"\x80" * HUGE, b"PK\x03\x04" + b"\0" * 99]
    + [np.random.default_rng(seed).bytes(5000) for seed in range(20)],
    ids=lambda content: content[:4].hex() or "empty",
)
def test_what_is_not_a_model_is_refused(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(InputError, match=r"m\.onnx cannot be (loaded|read)"):
        read_onnx(tmp_path / "m.onnx")
    assert not is_onnx(tmp_path / "m.onnx")


def test_bytes_that_are_no_text_are_refused(path, tmp_path):
    content = path.read_bytes().replace(b"channels", b"chann\xff\xffs")
    (tmp_path / "bad.onnx").write_bytes(content)
    with pytest.raises(InputError, match="not UTF-8"):
        read_onnx(tmp_path / "bad.onnx")


def test_missing_and_external_files_are_named(path, tmp_path):
    with pytest.raises(InputError, match="no such ONNX file"):
        read_onnx(tmp_path / "no.onnx")
    with pytest.raises(InputError, match="cannot be read"):
        read_onnx(tmp_path)
    model = onnx.load(path)
    onnx.save(model, tmp_path / "big.onnx", save_as_external_data=True, location="big.data", size_threshold=0)
    assert read_onnx(tmp_path / "big.onnx").outputs
    (tmp_path / "big.data").unlink()
    with pytest.raises(InputError, match="keeps its weights in 'big.data'"):
        read_onnx(tmp_path / "big.onnx")


def suppression(tmp_path, compared, own, kind=TensorProto.FLOAT, flip=False, as_node=True):
    """A graph that compares scores with numbers and hands them to a NonMaxSuppression with a threshold of its own."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    nodes, weights = [], []

    def constant(name, value, of=dtype):
        tensor = numpy_helper.from_array(np.array(value, of), name)
        if as_node:
            nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            weights.append(tensor)
        return name

    scores = "scores"
    for k, number in enumerate(compared):
        sides = [scores, constant(f"limit{k}", number)]
        nodes.append(helper.make_node("Less" if flip else "Greater", sides[::-1] if flip else sides, [f"is{k}"]))
        nodes.append(helper.make_node("Cast", [f"is{k}"], [f"mask{k}"], to=kind))
        nodes.append(helper.make_node("Mul", [scores, f"mask{k}"], [f"kept{k}"]))
        scores = f"kept{k}"
    nodes.append(helper.make_node("Cast", [scores], ["in32"], to=TensorProto.FLOAT))
    inputs = ["boxes", "in32", constant("most", [9], np.int64), constant("iou", [0.7], np.float32)]
    if own is not None:
        inputs.append(constant("own", [own], np.float32))
    nodes.append(helper.make_node("NonMaxSuppression", inputs, ["picked"]))
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("scores", kind, [1, 1, 9]),
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 9, 4]),
        ],
        [helper.make_tensor_value_info("picked", TensorProto.INT64, ["n", 3])],
        weights,
    )
    onnx.save(helper.make_model(graph, ir_version=8), tmp_path / "s.onnx")
    return score_threshold(read_onnx(tmp_path / "s.onnx"))


@pytest.mark.parametrize("as_node", [True, False])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16])
@pytest.mark.parametrize("flip", [True, False])
def test_the_threshold_is_read_from_the_graph(tmp_path, kind, flip, as_node):
    for number in (0.25, 0.001, 0.5, 0.0):
        for own in (None, 0.0, 0.125):
            found = suppression(tmp_path, [number], own, kind, flip, as_node)
            assert found == pytest.approx(max(number, own or 0.0), rel=1e-3)
    assert suppression(tmp_path, [], 0.25, kind, flip, as_node) == 0.25


def test_a_threshold_that_cannot_be_told_is_not_guessed(tmp_path):
    assert suppression(tmp_path, [], None) is None
    assert suppression(tmp_path, [0.25, 0.5], None) is None
    assert score_threshold(read_onnx(write(tmp_path / "m.onnx", DETECT))) is None


@pytest.mark.parametrize(
    ("changes", "notes"),
    [
        ({"args": "{'nms': True}"}, ("its score threshold is not known", "at most 100")),
        ({"args": "{'nms': True, 'conf': 0.3}"}, ("itself drops detections below 0.3", "at most 100")),
        ({"args": "{'nms': True, 'conf': 0.001}"}, ("at most 100",)),
        ({"end2end": "True"}, ("at most 100",)),
    ],
)
def test_notes_say_what_a_file_keeps_back(tmp_path, changes, notes):
    found = read_model(write(tmp_path / "m.onnx", DETECT | changes, (1, 100, 6))).notes
    assert len(found) == len(notes)
    assert all(words in note for words, note in zip(notes, found, strict=True))
    assert read_model(write(tmp_path / "m.onnx", DETECT)).notes == ()
