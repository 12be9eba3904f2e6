"""Reject NaN and infinite values: every tensor is checked before it is written to a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import AuditError

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import Tensor

_SHOWN = 4


def require_finite(tensors: Mapping[str, Tensor], what: str) -> None:
    """Raise AuditError if any of the named torch tensors has NaN or infinite values; `what` names their owner."""
    _require({name: not all_finite([tensor]) for name, tensor in tensors.items()}, what)


def require_finite_arrays(arrays: Mapping[str, ArrayLike], what: str) -> None:
    """Raise AuditError if any of the named arrays has NaN or infinite values."""
    _require({name: not _is_finite(np.asarray(array)) for name, array in arrays.items()}, what)


def all_finite(tensors: Iterable[object]) -> bool:
    """Whether a torch tensor has no NaN or infinite value; True for anything but a float tensor."""
    import torch

    floats = (t for t in tensors if isinstance(t, torch.Tensor) and (t.is_floating_point() or t.is_complex()))
    return all(bool(torch.isfinite(tensor).all()) for tensor in floats)


def require_finite_constants(model: ModelProto, what: str) -> None:
    """Raise AuditError if a constant of an ONNX model has NaN or infinite values.

    A scalar infinity is allowed: it is the open end of a range (Clip), not a weight.
    """
    from onnx import AttributeProto, TensorProto, numpy_helper

    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
    nodes = (*model.graph.node, *(node for function in model.functions for node in function.node))
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                constants[f"{node.name}.{attribute.name}"] = attribute.t
    broken = {}
    for name, tensor in constants.items():
        if tensor.data_type in floats:
            values = np.asarray(numpy_helper.to_array(tensor), np.float64)
            broken[name] = not _is_finite(values) and not (values.size == 1 and not np.isnan(values).any())
    _require(broken, what)


def _is_finite(array: NDArray[np.generic]) -> bool:
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def _require(broken: Mapping[str, bool], what: str) -> None:
    names = [name for name, is_broken in broken.items() if is_broken]
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise AuditError(
            f"{what} has NaN or infinite values in {', '.join(names[:_SHOWN])}{more}, so nothing of it is kept; a "
            "training that diverged or a damaged checkpoint does that: lower the learning rate, or give another file."
        )
