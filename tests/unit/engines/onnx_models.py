"""Small real ONNX files of every kind that a detector may be, for tests of what a file is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
DETECT = {
    "task": "detect",
    "names": "{0: 'cat', 1: 'dog'}",
    "imgsz": "[64, 64]",
    "batch": "1",
    "stride": "32",
    "channels": "3",
    "end2end": "False",
    "args": "{'nms': None, 'half': False}",
}
ANCHORS = 84  # of 64 pixels with strides 8, 16, 32


def write(
    path: Path,
    metadata: dict[str, str | None],
    output=(1, 6, ANCHORS),
    images=(1, 3, 64, 64),
    kind: int = FLOAT,
    made: tuple[int, ...] | None = None,
    names: tuple[str, ...] = ("output0",),
    inputs: tuple[str, ...] = ("images",),
) -> Path:
    """A model that gives the mean of its first input, of the shape `made` (default: `output`, free as 1); class 0.

    `output` and `images` are what the file says; a metadata value of None leaves the key out.
    """
    made = made or tuple(size if isinstance(size, int) else 1 for size in output)
    shares = np.ones(made, helper.tensor_dtype_to_np_dtype(kind))
    if len(made) == 3 and made[2] == 6:  # detections: a class is a whole number
        shares[..., 5] = 0
    weights = [numpy_helper.from_array(shares, "shares")]
    nodes = [helper.make_node("ReduceMean", [inputs[0]], ["mean"], keepdims=0)]
    nodes += [helper.make_node("Mul", ["shares", "mean"], [name]) for name in names]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, images) for name in inputs],
        [helper.make_tensor_value_info(name, kind, output) for name in names],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {key: value for key, value in metadata.items() if value is not None})
    onnx.save(model, path)
    return path


def card(**changes) -> dict[str, str]:
    """Metadata with our card of a file with two heads' worth of defaults, changed at the top level."""
    values = {
        "heads": [{"name": "base", "class_names": ["cat", "dog"], "kind": "raw"}],
        "imgsz": 64,
        "batch": 1,
        "graft_at": None,
        "precision": "fp32",
    }
    return {"bench_freeze": json.dumps({key: v for key, v in (values | changes).items() if v != "left out"})}
