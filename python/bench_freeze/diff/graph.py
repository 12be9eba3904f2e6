"""An ONNX graph for a comparison, and the tensors that correspond in two graphs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

# They pass a value on in another form; conversions to fp16 and int8 add and remove them.
CARRIERS = frozenset({"Cast", "DequantizeLinear", "Identity", "QuantizeLinear"})
# Rounding decides the order of what follows them, so its positions cannot be compared.
SELECTORS = frozenset({"ArgMax", "NonMaxSuppression", "TopK"})


@dataclass(frozen=True)
class TensorPair:
    """One tensor in both graphs, and the node of the second graph that computes it."""

    a: str
    b: str
    node: str
    operator: str
    layer: str  # the name of the node's weights if it has any, else the node's name


class Graph:
    """Which node produces each tensor of a model, and which nodes read it."""

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.nodes = list(model.graph.node)
        self.producer = {output: node for node in self.nodes for output in node.output if output}
        self.outputs = [output.name for output in model.graph.output]
        self._weights = {weights.name for weights in model.graph.initializer}

    @cached_property
    def types(self) -> dict[str, int]:
        """Element type of every tensor, inputs included."""
        import onnx

        graph = onnx.shape_inference.infer_shapes(self.model).graph
        return {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input, *graph.output)}

    def origin(self, tensor: str) -> str:
        """The tensor whose value this one carries: the source behind all carriers."""
        node = self.producer.get(tensor)
        while node is not None and node.op_type in CARRIERS:
            tensor = node.input[0]
            node = self.producer.get(tensor)
        return tensor

    def upstream(self, tensor: str) -> set[str]:
        """The tensor and all that it depends on."""
        seen: set[str] = set()
        waiting = [tensor]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                node = self.producer.get(name)
                waiting.extend(node.input if node is not None else ())
        return seen

    def downstream(self, tensors: Iterable[str]) -> set[str]:
        """Everything that depends on the given tensors, these included; a valid model's nodes are in order."""
        reached = set(tensors)
        for node in self.nodes:
            if reached.intersection(node.input):
                reached.update(node.output)
        return reached

    def layer(self, node: NodeProto) -> str:
        """A readable name for the node: the part of the model that its weights belong to."""
        for name in node.input[1:]:
            weights = self.origin(name)
            if weights in self._weights and "." in weights:
                return weights.rpartition(".")[0]
        return str(node.name or node.output[0])


def corresponding(a: Graph, b: Graph) -> list[TensorPair]:
    """Float tensors that both graphs have, in the order of the first.

    Both graphs are walked from outputs with the same name towards the inputs, past carriers: nodes at the same place
    with the same operator compute the same tensor, whatever their names. Tensors that the walk does not reach, because
    one side has other operators there, are paired by name and operator. Tensors after the model's own selection of
    detections are left out, since rounding decides their order.
    """
    found: dict[str, str] = {}
    waiting = [(name, name) for name in a.outputs if name in b.outputs]
    seen = set(waiting)
    while waiting:
        first, second = (graph.origin(name) for graph, name in zip((a, b), waiting.pop(), strict=True))
        one, other = a.producer.get(first), b.producer.get(second)
        if one is None or other is None or not _same(one, other, first, second):
            continue
        found.setdefault(first, second)
        for step in zip(one.input, other.input, strict=False):
            if all(step) and step not in seen:
                seen.add(step)
                waiting.append(step)
    taken = set(found.values())
    for name, one in a.producer.items():
        other = b.producer.get(name)
        if other is not None and name not in found and name not in taken and _same(one, other, name, name):
            found[name] = name
    selected = a.downstream(o for node in a.nodes if node.op_type in SELECTORS for o in node.output)
    return [
        TensorPair(name, found[name], str(b.producer[found[name]].name), node.op_type, b.layer(b.producer[found[name]]))
        for node in a.nodes
        for name in node.output
        if name in found and name not in selected and _is_float(a, name) and _is_float(b, found[name])
    ]


def _same(one: NodeProto, other: NodeProto, first: str, second: str) -> bool:
    return (
        one.op_type == other.op_type
        and one.op_type not in CARRIERS
        and list(one.output).index(first) == list(other.output).index(second)
    )


def _is_float(graph: Graph, tensor: str) -> bool:
    from onnx import TensorProto

    return graph.types.get(tensor) in (TensorProto.FLOAT, TensorProto.FLOAT16)
