"""Two rewritten forms of an ONNX model: one that exposes its inner tensors, one that is cut at each of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from .graph import Graph

if TYPE_CHECKING:
    from onnx import ModelProto

OWN = "__own"  # suffix of a tensor's name: its value computed from the given inputs


def exposed(graph: Graph, tensors: Collection[str]) -> ModelProto:
    """The model with `tensors` as further outputs after its own."""
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    new = [name for name in tensors if name not in graph.outputs]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(n, graph.types[n], None) for n in new)
    return model


def cut(graph: Graph, shapes: Mapping[str, tuple[int, ...]]) -> ModelProto:
    """The model cut at every tensor of `shapes`: each becomes an input for its readers, and the value that its node
    computes becomes the output `NAME__own`. One run then shows every layer's own error, on given inputs.
    """
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    read = {name for node in model.graph.node for name in node.input}
    for node in model.graph.node:
        for position, name in enumerate(node.output):
            if name in shapes:
                node.output[position] = name + OWN
    model.graph.input.extend(
        onnx.helper.make_tensor_value_info(n, graph.types[n], list(shape)) for n, shape in shapes.items() if n in read
    )
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(n + OWN, graph.types[n], None) for n in shapes)
    del model.graph.value_info[:]  # it lists tensors that are inputs now
    return _ordered(model)


def _ordered(model: ModelProto) -> ModelProto:
    """Drop nodes that no output needs any more, and keep the order of the others."""
    needed = {output.name for output in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))
    return model
