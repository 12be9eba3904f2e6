"""ONNX in half precision: float16 inside, float32 for inputs and outputs and wherever it is requested.

This module exists because onnxconverter-common and onnxruntime.transformers.float16 both fail on a dual-head detector
with a list of excluded nodes (1.16.0: float16 scales for Resize, and float16 outputs in spite of keep_io_types; 1.31.1:
nodes out of order, and a duplicate name). It handles tensors and casts, and knows nothing about detectors.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

# Inputs that must be float32 by the operator's definition, by position.
FLOAT32_INPUTS = {"Resize": (1, 2), "QuantizeLinear": (0, 1), "DequantizeLinear": (1,)}
# Operators whose output type does not follow from their inputs: they stay as they are.
OWN_TYPE = frozenset({"Cast", "Constant", "ConstantOfShape", "DequantizeLinear", "EyeLike", "QuantizeLinear", "Range"})
HALF_MAX = 65504.0


def to_half(model: ModelProto, keep: Collection[str]) -> ModelProto:
    """A copy of an ONNX model with float16 inside.

    Inputs, outputs and the nodes named in `keep` stay float32, and so do nodes with weights beyond float16's range.
    Raises InputError for a model with control flow.
    """
    import onnx

    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    graph = model.graph
    if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for n in graph.node for a in n.attribute):
        raise InputError("a model with control flow (If, Loop) cannot be converted to fp16; use --precision fp32.")
    conversion = _Conversion(model, keep)
    nodes = [new for node in graph.node for new in conversion.convert(node)]
    nodes += conversion.float_outputs()
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]  # it has the old types
    read = {name for node in nodes for name in node.input}
    weights = [w for w in graph.initializer if w.name in read] + list(conversion.half_weights.values())
    del graph.initializer[:]
    graph.initializer.extend(weights)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)


class _Conversion:
    """One pass over the nodes in order; tracks the type and the name under which each tensor exists."""

    def __init__(self, model: ModelProto, keep: Collection[str]) -> None:
        from onnx import TensorProto

        self._float, self._half = TensorProto.FLOAT, TensorProto.FLOAT16
        graph = model.graph
        self._weights = {w.name: w for w in graph.initializer if w.data_type == self._float}
        typed = (*graph.value_info, *graph.input, *graph.output)
        self._tensors = {v.name for v in typed if v.type.tensor_type.elem_type == self._float} - set(self._weights)
        self._outputs = [o.name for o in graph.output if o.name in self._tensors]
        self._keep = frozenset(keep)
        self._halves: dict[str, str] = {}  # tensors that nodes now output in float16, and their new names
        self._casts: dict[tuple[str, int], str] = {}
        self.half_weights: dict[str, TensorProto] = {}

    def convert(self, node: NodeProto) -> list[NodeProto]:
        """The node in its new precision, preceded by the casts that it needs."""
        stays = node.op_type in OWN_TYPE or node.name in self._keep or self._has_weights_beyond_half(node)
        fixed = FLOAT32_INPUTS.get(node.op_type, ())
        casts: list[NodeProto] = []
        for position, name in enumerate(node.input):
            kind = self._float if stays or position in fixed else self._half
            node.input[position] = self._in_type(name, kind, casts)
        if not stays:
            for position, name in enumerate(node.output):
                if name in self._tensors:
                    node.output[position] = self._halves[name] = f"{name}_half" if name in self._outputs else name
        return [*casts, node]

    def float_outputs(self) -> list[NodeProto]:
        """The casts that convert the graph's outputs back to float32, under their own names."""
        made = [name for name in self._outputs if name in self._halves]
        return [self._cast(self._halves[name], name, self._float) for name in made]

    def _in_type(self, name: str, kind: int, casts: list[NodeProto]) -> str:
        """The name under which a node reads a tensor as `kind`; adds a cast to `casts` if there is none yet."""
        if name in self._weights:
            return self._half_weight(name) if kind == self._half else name
        if name not in self._tensors or (name in self._halves) == (kind == self._half):
            return self._halves.get(name, name)
        if (name, kind) not in self._casts:
            source = self._halves.get(name, name)
            self._casts[name, kind] = f"{name}_as_{'half' if kind == self._half else 'float'}"
            casts.append(self._cast(source, self._casts[name, kind], kind))
        return self._casts[name, kind]

    def _cast(self, source: str, target: str, kind: int) -> NodeProto:
        from onnx import helper

        return helper.make_node("Cast", [source], [target], name=f"cast_{target}", to=kind)

    def _half_weight(self, name: str) -> str:
        from onnx import numpy_helper

        half = f"{name}_half"
        if half not in self.half_weights:
            values = numpy_helper.to_array(self._weights[name])
            self.half_weights[half] = numpy_helper.from_array(values.astype(np.float16), half)
        return half

    def _has_weights_beyond_half(self, node: NodeProto) -> bool:
        from onnx import numpy_helper

        return any(
            bool((np.abs(numpy_helper.to_array(self._weights[name])) > HALF_MAX).any())
            for name in node.input
            if name in self._weights
        )
