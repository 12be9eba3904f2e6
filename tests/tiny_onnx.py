"""ONNX files of bench-freeze that take no time: a few operators, and what they find is known."""

from __future__ import annotations

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench_freeze.engines.base import Head, ModelCard
from bench_freeze.engines.ort_engine import CARD_KEY

SIZE = 32


def write_two_heads(file, heads=("base", "target")):
    """Every head answers the same: one box of 16 pixels in the middle, of class 0, as sure as the image is red."""
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["mean"], keepdims=1),  # [B, 3, 1, 1]
        helper.make_node("Slice", ["mean", "zero", "one", "channel"], ["red"]),
        helper.make_node("Reshape", ["red", "flat"], ["score"]),  # [B, 1, 1]
        helper.make_node("Mul", ["score", "nothing"], ["none"]),
        helper.make_node("Add", ["none", "box"], ["boxes"]),  # [B, 4, 1]
    ]
    for name in heads:
        nodes.append(helper.make_node("Concat", ["boxes", "score", "none"], [name], axis=1))
    weights = {
        "axes": np.array([2, 3]),
        "zero": np.array([0]),
        "one": np.array([1]),
        "channel": np.array([1]),
        "flat": np.array([-1, 1, 1]),
        "nothing": np.zeros((1, 1, 1), np.float32),
        "box": np.array([16, 16, 16, 16], np.float32).reshape(1, 4, 1),
    }
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 6, 1]) for name in heads],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    classes = {"base": ("cat", "dog"), "target": ("pear", "plum")}
    card = ModelCard(tuple(Head(name, classes[name], "raw") for name in heads), SIZE, None, 3)
    helper.set_model_props(model, {CARD_KEY: json.dumps(card.to_dict())})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, file)
