"""Traced graphs, kept for the next model of the same structure: most of an export's time goes into tracing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .structure_key import NotKeyed, state_tensors, structure_key

if TYPE_CHECKING:
    import onnx_ir
    from torch.onnx import ONNXProgram

KEPT = 16
KEPT_OPSET = 18  # a translation into a later one goes through converters, which may read values


class Traces:
    """The graphs that were traced last in this process, without weights.

    A module whose structure was traced before gets the kept graph, filled with its own tensors. A new graph takes the
    same path: it is emptied, copied and filled. So what follows cannot tell one from the other.
    """

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, onnx_ir.Model] = OrderedDict()

    def program(
        self, module: nn.Module, images: Tensor, *, free_batch: bool, opset: int, reuse: bool = True
    ) -> ONNXProgram:
        """The module's graph as torch translates it, before any optimisation, with the module's tensors.

        Its `exported_program` is None if the graph was a kept one, which `reuse` False rules out.
        """
        state = state_tensors(module)
        key = _key(module, images, free_batch, opset) if reuse else None  # tracing may change the module
        graph, traced = self._kept.get(key), None
        if graph is None:
            program = _trace(module, images, free_batch, opset)
            graph, traced = program.model, program.exported_program
            if _empty(graph, state) and key is not None:
                self._keep(key, graph)
        else:
            self._kept.move_to_end(key)
        filled = torch.onnx.ONNXProgram(_copy(graph), traced)
        empty = [name for name, value in filled.model.graph.initializers.items() if value.const_value is None]
        filled.apply_weights({name: state[name] for name in empty})
        return filled

    def _keep(self, key: Hashable, graph: onnx_ir.Model) -> None:
        self._kept[key] = graph
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _key(module: nn.Module, images: Tensor, free_batch: bool, opset: int) -> Hashable:
    """What the graph depends on; None if it is not known or not only on that."""
    if opset != KEPT_OPSET:
        return None
    modes = (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
    )
    try:
        return structure_key(module), tuple(images.shape), images.dtype, free_batch, opset, modes
    except NotKeyed:
        return None


def _trace(module: nn.Module, images: Tensor, free_batch: bool, opset: int) -> ONNXProgram:
    program = torch.onnx.export(
        module,
        (images,),
        dynamo=True,
        optimize=False,
        opset_version=opset,
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},) if free_batch else None,
        verbose=False,
    )
    assert program is not None, "torch returns a program for dynamo=True"
    return program


def _copy(graph: onnx_ir.Model) -> onnx_ir.Model:
    """A copy in which new nodes get the names that they would get in the graph itself: it counts what it has named."""
    copy = graph.clone()
    copy.graph._name_authority = deepcopy(graph.graph._name_authority)
    return copy


def _empty(graph: onnx_ir.Model, state: dict[str, Tensor]) -> bool:
    """Take the module's tensors out of its graph; return whether nothing that belongs to them is left in it.

    A tensor is taken out only if it is the very memory of the module's tensor of that name.
    """
    parts: tuple[onnx_ir.Graph | onnx_ir.Function, ...] = (graph.graph, *graph.functions.values())
    for part in parts:  # torch's nodes hang there, and its module on them
        for node in part.all_nodes():
            node.meta.clear()
            for output in node.outputs:
                output.meta.clear()
    for value in (*graph.graph.inputs, *graph.graph.initializers.values()):
        value.meta.clear()
    owned = {tensor.untyped_storage()._cdata for tensor in state.values()}
    clean = True
    for name, value in graph.graph.initializers.items():
        held = getattr(value.const_value, "raw", None)
        if not isinstance(held, Tensor):
            clean = clean and name not in state
        elif name in state and _same_memory(held, state[name]):
            value.const_value = None
        elif name in state or held.untyped_storage()._cdata in owned:
            clean = False
    return clean


def _same_memory(a: Tensor, b: Tensor) -> bool:
    form = (a.data_ptr(), a.shape, a.stride(), a.dtype, a.device)
    return form == (b.data_ptr(), b.shape, b.stride(), b.dtype, b.device)
