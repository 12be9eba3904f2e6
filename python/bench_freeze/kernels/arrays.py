"""Arrays at the border of the package: what can be read as one, and the sentence for each that cannot be used."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


def is_on_cuda(array: Any) -> bool:
    """Whether the array says that it lies in the memory of a CUDA device."""
    own_word = getattr(
        array, "is_cuda", None
    )  # torch, whose interface raises RuntimeError for a tensor with a gradient
    if isinstance(own_word, bool):
        return own_word
    if hasattr(array, "__cuda_array_interface__"):
        return True
    device = getattr(array, "__dlpack_device__", None)
    return device is not None and int(device()[0]) in (2, 13)  # kDLCUDA, kDLCUDAManaged


def as_numpy(what: str, array: Any) -> NDArray[Any]:
    """`array` as NumPy sees it, without a copy where it lies on the CPU; `what` names it in the error."""
    # torch's own conversion comes first: its __dlpack__ refuses a tensor that requires grad, and so does this, but with
    # a message that says what to do.
    try:
        return (
            np.asarray(array)
            if hasattr(array, "__array__") or hasattr(array, "__array_interface__")
            else np.from_dlpack(array)
        )
    except (TypeError, RuntimeError, BufferError, AttributeError) as error:
        raise InputError(
            f"{what} of type {type(array).__name__} cannot be read as a NumPy array ({error}): "
            "give a CPU array, such as tensor.detach().cpu()"
        ) from error


def column(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Contiguous, aligned and of that type, as a kernel reads it."""
    return np.require(values, dtype, ("C", "A"))


def describe(array: NDArray[Any]) -> str:
    """Type and shape, for a message."""
    return f"{array.dtype} {list(array.shape)}"


def check_positive(name: str, value: int) -> None:
    """Refuse a count below 1."""
    if value < 1:
        raise InputError(f"{name} is {value}: give at least 1")


def check_columns(
    table: str, images: int, classes: int, image: NDArray[Any], label: NDArray[Any], boxes: NDArray[Any]
) -> int:
    """Rows of a table [N], [N], [N, 4]; refuses unequal lengths, positions out of range and boxes not finite."""
    rows = len(label)
    if image.shape != (rows,) or boxes.shape != (rows, 4):
        raise InputError(
            f"{table}: columns of {list(image.shape)}, {list(label.shape)}, {list(boxes.shape)}: give one row per box"
        )
    for name, column, limit in (("image", image, images), ("class", label, classes)):
        if rows and (column.min() < 0 or column.max() >= limit):
            row = int(np.flatnonzero((column < 0) | (column >= limit))[0])
            raise InputError(f"{table}: row {row} names {name} {column[row]}, and there are {limit}: mend that row")
    check_finite(table, "box", boxes, rows)
    return rows


def check_finite(table: str, what: str, values: NDArray[Any], rows: int) -> None:
    """Refuse a column of another length, or a value that is NaN or infinite."""
    if len(values) != rows:
        raise InputError(f"{table}: {rows} rows and {len(values)} values of {what}: give one per row")
    is_finite = np.isfinite(values)
    if not is_finite.all():
        row = int(np.argwhere(~is_finite)[0][0])
        raise InputError(f"{table}: the {what} of row {row} is {values[row]}, not finite: mend or drop that row")


def check_sizes(table: str, boxes_xywh: NDArray[Any]) -> None:
    """Refuse boxes [N, 4] of negative width or height."""
    if len(boxes_xywh) and boxes_xywh[:, 2:].min() < 0:
        row = int(np.flatnonzero((boxes_xywh[:, 2:] < 0).any(axis=1))[0])
        raise InputError(
            f"{table}: the box of row {row} is {boxes_xywh[row].tolist()} as left, top, width, height, and neither "
            "size may be negative: mend or drop that row"
        )
