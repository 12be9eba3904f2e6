"""Models for bench/check_real.py: one of equal shape with other weights, and one that is slower by real layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper


def retrained(source: Path, out: Path, seed: int) -> None:
    """Write the same graph with weights changed by 0.1 %, as after a second training: different bytes, equal work."""
    model = onnx.load(source)
    generator = np.random.default_rng(seed)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= 64:
            moved = values * (1 + 0.001 * generator.standard_normal(values.shape)).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(moved, tensor.name))
    onnx.save(model, out)


def with_layers(source: Path, out: Path, behind: int, layers: int, kernel: int = 3) -> None:
    """Insert `layers` identity convolutions after convolution number `behind`: more work, the same output."""
    model = onnx.load(source)
    graph = model.graph
    number, node = [(k, node) for k, node in enumerate(graph.node) if node.op_type == "Conv"][behind]
    weights = {tensor.name: tensor for tensor in graph.initializer}[node.input[1]]
    channels = weights.dims[0]
    identity = np.zeros((channels, channels, kernel, kernel), np.float32)
    identity[np.arange(channels), np.arange(channels), kernel // 2, kernel // 2] = 1
    graph.initializer.append(numpy_helper.from_array(identity, "identity_weights"))
    wanted, made = node.output[0], f"{node.output[0]}_before"
    node.output[0] = made
    for k in range(layers):
        result = wanted if k == layers - 1 else f"{wanted}_extra{k}"
        conv = helper.make_node(
            "Conv", [made, "identity_weights"], [result], f"extra{k}", pads=[kernel // 2] * 4, kernel_shape=[kernel] * 2
        )
        graph.node.insert(number + 1 + k, conv)
        made = result
    onnx.checker.check_model(model)
    onnx.save(model, out)
