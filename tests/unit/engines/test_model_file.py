"""What an ONNX file is: every kind, and files that try to pass for another one."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from bench_freeze.engines.model_file import read_model, read_own_card
from bench_freeze.engines.ort_engine import OrtEngine
from bench_freeze.errors import InputError
from tests.unit.engines.onnx_models import ANCHORS, DETECT, FLOAT, HALF, card, write

NMS, END = {"args": "{'nms': True}"}, {"end2end": "True"}
OLD = {"args": None, "end2end": None}  # metadata of older exports, which do not say
NAMES_80 = {"names": str({k: f"c{k}" for k in range(80)})}
FREE = ("batch", 3, "height", "width")


@pytest.mark.parametrize(
    ("changes", "output", "images", "kind", "batch"),
    [
        ({}, (1, 6, ANCHORS), (1, 3, 64, 64), "raw", 1),
        (NAMES_80, (1, 84, ANCHORS), (1, 3, 64, 64), "raw", 1),  # as many rows as anchors
        (NAMES_80 | NMS, (1, 84, 6), (1, 3, 64, 64), "detections", 1),  # rows as a raw head's
        (NMS, (1, 6, 6), (1, 3, 64, 64), "detections", 1),
        (END, (1, 300, 6), (1, 3, 64, 64), "detections", 1),
        ({"batch": "4"} | NMS, (4, 300, 6), (4, 3, 64, 64), "detections", 4),
        ({}, ("batch", "rows", "anchors"), FREE, "raw", None),
        ({"batch": "2"} | NMS, ("batch", "a", "b"), FREE, "detections", 2),  # suppression unrolled over two images
        (END, ("batch", "a", "b"), FREE, "detections", None),
        (OLD, (1, 6, ANCHORS), (1, 3, 64, 64), "raw", 1),
        (OLD, (1, 300, 6), (1, 3, 64, 64), "detections", 1),
        (OLD | NAMES_80, (1, 84, "anchors"), FREE, "raw", None),
        (OLD | NAMES_80, (1, 84, 6), (1, 3, 64, 64), "detections", 1),  # 64 pixels do not have 6 anchors
        ({"nms": "False"}, (1, 6, ANCHORS), (1, 3, 64, 64), "raw", 1),
        ({"imgsz": "64", "stride": "32.0"}, (1, 6, ANCHORS), (1, 3, 64, 64), "raw", 1),
        ({"stride": "64"}, (1, 6, ANCHORS + 1), (1, 3, 64, 64), "raw", 1),  # P6: strides 8 to 64
        ({"stride": "32"}, (1, 6, ANCHORS + 256), (1, 3, 64, 64), "raw", 1),  # P2: strides 4 to 32
    ],
)
def test_metadata_say_what_a_file_is(tmp_path, changes, output, images, kind, batch):
    model = read_model(write(tmp_path / "m.onnx", DETECT | changes, output, images))
    assert (model.card.heads[0].kind, model.card.batch, model.card.imgsz) == (kind, batch, 64)
    assert model.outputs == {"base": "output0"}


@pytest.mark.parametrize(
    ("changes", "output", "images", "words"),
    [
        *(({"task": task}, (1, 6, ANCHORS), (1, 3, 64, 64), f"task '{task}'") for task in ("segment", "pose", "obb")),
        ({"task": "classify"}, (1, 1000), (1, 3, 64, 64), "task 'classify'"),
        ({"head": "RTDETRDecoder"}, (1, 300, 6), (1, 3, 64, 64), "RT-DETR"),
        (OLD | {"description": "Ultralytics rt-detr-l model"}, (1, 300, 6), (1, 3, 64, 64), "RT-DETR"),
        (NMS, (1, 6, ANCHORS), (1, 3, 64, 64), r"\[images, detections, 6\]"),
        (END, (1, 6, ANCHORS), (1, 3, 64, 64), r"\[images, detections, 6\]"),
        ({}, (1, 300, 6), (1, 3, 64, 64), "transposed"),
        (NAMES_80, (1, 84, 6), (1, 3, 64, 64), "6 anchors"),
        ({}, (1, 7, ANCHORS), (1, 3, 64, 64), r"2 classes make \[images, 6, anchors\]"),
        ({}, (1, ANCHORS, 6), (1, 3, 64, 64), "transposed"),
        ({"names": "{0: 'cat'}"}, (1, 6, ANCHORS), (1, 3, 64, 64), r"1 classes make \[images, 5, anchors\]"),
        ({"names": "{0: 'cat', 2: 'dog'}"}, (1, 6, ANCHORS), (1, 3, 64, 64), "class number 1 has no name"),
        ({"names": "{0: 'cat', '0': 'dog'}"}, (1, 6, ANCHORS), (1, 3, 64, 64), "given twice"),
        ({"names": "[" * 5000}, (1, 6, ANCHORS), (1, 3, 64, 64), "names or imgsz cannot be read"),
        ({"names": "open('x')"}, (1, 6, ANCHORS), (1, 3, 64, 64), "names or imgsz cannot be read"),
        ({"imgsz": "[64, 96]"}, (1, 6, ANCHORS), (1, 3, 64, 96), "96x64"),
        ({"imgsz": "[128, 128]"}, (1, 6, ANCHORS), (1, 3, 64, 64), "128 pixels, its graph takes 64"),
        ({"imgsz": "[0, 0]"}, (1, 6, ANCHORS), FREE, "imgsz"),
        ({"imgsz": "[1e9, 1e9]"}, (1, 6, ANCHORS), FREE, "imgsz"),
        ({"imgsz": "[999999999, 999999999]"}, (1, 6, ANCHORS), FREE, "imgsz"),
        ({"stride": "24"}, (1, 6, ANCHORS), (1, 3, 64, 64), "stride 24"),
        ({"stride": "64"}, (1, 6, ANCHORS), (1, 3, 64, 64), "84 anchors"),
        ({"stride": "no"}, (1, 6, ANCHORS), (1, 3, 64, 64), "stride"),
        ({"batch": "2"}, (1, 6, ANCHORS), (1, 3, 64, 64), "batches of 2, its graph takes 1"),
        ({"batch": "-1"}, (1, 6, ANCHORS), (1, 3, 64, 64), "batch cannot be read"),
        ({"channels": "1"}, (1, 6, ANCHORS), (1, 1, 64, 64), "1 channels"),
        ({}, (1, 6, ANCHORS), (1, 4, 64, 64), "4 channels"),
        ({}, (1, 6, ANCHORS), (1, 64, 64, 3), "NHWC"),
        ({}, (1, 6, ANCHORS), (1, 64, 64), r"\[1, 64, 64\]"),
        ({"end2end": "maybe"}, (1, 6, ANCHORS), (1, 3, 64, 64), "end2end cannot be read"),
        ({"end2end": "1"}, (1, 6, ANCHORS), (1, 3, 64, 64), "end2end cannot be read"),
        ({"args": "7"}, (1, 6, ANCHORS), (1, 3, 64, 64), "args cannot be read"),
        (OLD, (1, "a", "b"), FREE, "give a detector"),
        ({}, (1, 6, ANCHORS, 1), (1, 3, 64, 64), "give a detector"),
    ],
)
def test_contradictions_are_refused(tmp_path, changes, output, images, words):
    with pytest.raises(InputError, match=words):
        read_model(write(tmp_path / "m.onnx", DETECT | changes, output, images))


@pytest.mark.parametrize("side", [32, 64, 96, 160, 192, 320, 640, 1280])
def test_old_metadata_leave_the_shape_one_reading(tmp_path, side):
    """Six columns are detections even where the rows are those of a raw head: no image size has six anchors."""
    names = {"names": str([f"c{k}" for k in range(80)]), "imgsz": str([side, side]), "stride": None}
    path = write(tmp_path / "m.onnx", DETECT | OLD | names, (1, 84, 6), (1, 3, side, side))
    assert read_model(path).card.heads[0].kind == "detections"


@pytest.mark.parametrize("seed", range(40))
def test_a_declared_kind_is_never_read_as_the_other(tmp_path, seed):
    """Random numbers of classes, detections and images: what the metadata declare is what comes out, or a refusal."""
    rng = np.random.default_rng(seed)
    classes, side = int(rng.integers(1, 100)), 32 * int(rng.integers(1, 6))
    anchors = sum((side // s) ** 2 for s in (8, 16, 32))
    metadata = DETECT | {"names": str([f"c{k}" for k in range(classes)]), "imgsz": str([side, side])}
    images = (1, 3, side, side)
    raw = write(tmp_path / "raw.onnx", metadata, (1, 4 + classes, anchors), images)
    assert read_model(raw).card.heads[0].kind == "raw"
    own = write(tmp_path / "own.onnx", metadata | NMS, (1, 4 + classes, 6), images)  # max_det as many as rows
    assert read_model(own).card.heads[0].kind == "detections"
    for declared, output in ((NMS, (1, 4 + classes, anchors)), ({}, (1, 4 + classes, 6))):
        with pytest.raises(InputError):
            read_model(write(tmp_path / "no.onnx", metadata | declared, output, images))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"imgsz": 128}, "128 pixels, its graph takes 64"),
        ({"imgsz": 10**30}, "imgsz"),
        ({"imgsz": "64"}, "imgsz 64"),
        ({"imgsz": None}, "imgsz None"),
        ({"imgsz": True}, "imgsz True"),
        ({"batch": 2}, "batches of 2, its graph takes 1"),
        ({"batch": None}, "any size, its graph takes 1"),
        ({"batch": -1}, "batch -1"),
        ({"batch": 1.0}, "batch 1.0"),
        ({"graft_at": -3}, "graft_at -3"),
        ({"precision": "fp4"}, "precision 'fp4'"),
        ({"scale": 255}, "'scale', which this version"),
        ({"heads": "left out"}, "lacks 'heads'"),
        ({"heads": []}, "names no heads"),
        ({"heads": 3}, "names no heads"),
        ({"heads": [{"name": "third", "class_names": ["a", "b"], "kind": "raw"}]}, "'third'"),
        ({"heads": [{"name": "base", "class_names": ["a", "b"], "kind": "masks"}]}, "'masks'"),
        ({"heads": [{"name": "base", "class_names": [1, 2], "kind": "raw"}]}, "class names"),
        ({"heads": [{"name": "base", "class_names": ["a", "b"]}]}, "something other than name"),
        ({"heads": [{"name": "base", "class_names": ["a"], "kind": "raw"}]}, r"1 classes make \[images, 5"),
        ({"heads": [{"name": "base", "class_names": ["a", "b"], "kind": "detections"}]}, "detections, 6"),
        ({"heads": [{"name": n, "class_names": ["a", "b"], "kind": "raw"} for n in ("base", "target")]}, "its outputs"),
        ({"heads": [{"name": n, "class_names": ["a", "b"], "kind": "raw"} for n in ("base", "base")]}, "each once"),
    ],
)
def test_a_card_that_cannot_be_right_is_refused(tmp_path, changes, words):
    path = write(tmp_path / "m.onnx", card(**changes))
    for read in (read_model, read_own_card):
        with pytest.raises(InputError, match=words):
            read(path)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[]", "1", "null", "[" * 100_000, '{"a":' * 50_000, "NaN", "9" * 9999]
)
def test_garbage_for_a_card_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="its card"):
        read_model(write(tmp_path / "m.onnx", {"bench_freeze": text}))


def test_card_and_metadata_must_agree(tmp_path):
    assert read_model(write(tmp_path / "m.onnx", DETECT | card())).card.imgsz == 64
    other = card(heads=[{"name": "base", "class_names": ["dog", "cat"], "kind": "raw"}])
    with pytest.raises(InputError, match="contradict"):
        read_model(write(tmp_path / "m.onnx", DETECT | other))


@pytest.mark.parametrize(
    ("metadata", "output", "images", "words"),
    [
        ({}, (1, 6, ANCHORS), (1, 3, 64, 64), "does not say what its heads are.*write task, names"),
        ({"names": "['a', 'b']"}, (1, 7, ANCHORS), (1, 3, 64, 64), "no single meaning"),  # a score of objectness
        ({"names": "['a', 'b']"}, (1, ANCHORS, 6), (1, 3, 64, 64), "no single meaning"),
        ({"names": "['a', 'b']"}, (1, 300, 6), (1, 3, 64, 64), "no single meaning"),
        ({"names": "['a', 'b']"}, (1, 6, 300), (1, 3, 64, 64), "no single meaning"),
        ({"names": "['a', 'b']"}, (1, 6, "n"), (1, 3, 64, 64), "no single meaning"),
        ({"names": "['a', 'b']"}, (1, 6, ANCHORS), FREE, "which image size"),
        ({"names": "['a', 'b']"}, (1, 6, ANCHORS), (1, 64, 64, 3), "NHWC"),
        ({"names": "['a', 'b']", "task": "pose"}, (1, 6, ANCHORS), (1, 3, 64, 64), "task 'pose'"),
        ({"task": "segment"}, (1, 6, ANCHORS), (1, 3, 64, 64), "task 'segment'"),
    ],
)
def test_files_of_another_tool_are_refused_with_what_is_missing(tmp_path, metadata, output, images, words):
    with pytest.raises(InputError, match=words):
        read_model(write(tmp_path / "m.onnx", metadata, output, images))


def test_a_file_of_another_tool_runs_where_its_shape_has_one_reading(tmp_path):
    model = read_model(write(tmp_path / "m.onnx", {"names": "{'1': 'dog', '0': 'cat'}"}))
    assert model.card.heads[0].class_names == ("cat", "dog")
    assert (model.card.heads[0].kind, model.card.imgsz, model.card.batch) == ("raw", 64, 1)


def test_several_inputs_and_outputs_are_refused(tmp_path):
    with pytest.raises(InputError, match="2 inputs"):
        read_model(write(tmp_path / "m.onnx", DETECT, inputs=("images", "scale")))
    with pytest.raises(InputError, match="one output"):
        read_model(write(tmp_path / "m.onnx", DETECT, names=("boxes", "scores")))
    with pytest.raises(InputError, match="its outputs are boxes, scores"):
        read_model(write(tmp_path / "m.onnx", card(), names=("boxes", "scores")))


@pytest.mark.parametrize("metadata", [DETECT, card(), {"names": "['cat', 'dog']"}, {}])
@pytest.mark.parametrize("part", ["input", "output"])
def test_a_file_without_an_input_or_output_is_refused(tmp_path, metadata, part):
    path = write(tmp_path / "m.onnx", metadata)
    model = onnx.load(path)
    del getattr(model.graph, part)[:]
    onnx.save(model, path)
    with pytest.raises(InputError):
        read_model(path)


@pytest.mark.parametrize("metadata", [DETECT, card()])
@pytest.mark.parametrize("kind", [FLOAT, HALF])
def test_a_file_is_fed_in_the_type_it_takes(tmp_path, metadata, kind):
    engine = OrtEngine(write(tmp_path / "m.onnx", metadata, kind=kind))
    found = engine.infer(np.full((1, 3, 64, 64), 0.5, np.float32))["base"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.full((1, 6, ANCHORS), 0.5, np.float32))
    assert engine.card.precision == ("fp16" if kind == HALF else "fp32")


@pytest.mark.parametrize("kind", [onnx.TensorProto.DOUBLE, onnx.TensorProto.INT32])
def test_other_types_of_input_are_refused(tmp_path, kind):
    with pytest.raises(InputError, match="float64|int32"):
        read_model(write(tmp_path / "m.onnx", card(), kind=kind))


@pytest.mark.parametrize(("changes", "made"), [({}, (1, 7, ANCHORS)), (END, (1, 300, 7)), ({}, (2, 6, ANCHORS))])
def test_a_free_shape_is_checked_when_it_is_known(tmp_path, changes, made):
    engine = OrtEngine(write(tmp_path / "m.onnx", DETECT | changes, ("b", "r", "c"), FREE, made=made))
    with pytest.raises(InputError, match="but its metadata promise"):
        engine.infer(np.zeros((1, 3, 64, 64), np.float32))


def test_a_card_survives_its_own_reading(tmp_path):
    path = write(tmp_path / "m.onnx", card())
    assert read_own_card(path).to_dict()["imgsz"] == json.loads(card()["bench_freeze"])["imgsz"]
    with pytest.raises(InputError, match="does not say what its heads are"):
        read_own_card(write(tmp_path / "n.onnx", DETECT))
