"""Read arrays from callers, with a clear error for each that cannot be read."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

AnyArray = NDArray[Any]  # from a caller, with its type checked at run time


def is_on_cuda(array: object) -> bool:
    """Whether the array declares that it lies in the memory of a CUDA device."""
    own_word = getattr(
        array, "is_cuda", None
    )  # torch, whose interface raises RuntimeError for a tensor with a gradient
    if isinstance(own_word, bool):
        return own_word
    if hasattr(array, "__cuda_array_interface__"):
        return True
    device = getattr(array, "__dlpack_device__", None)
    return device is not None and int(device()[0]) in (2, 13)  # kDLCUDA, kDLCUDAManaged


def as_numpy(what: str, array: object) -> AnyArray:
    """`array` as a NumPy array, without a copy if it is on the CPU; `what` names it in errors."""
    masked_arrays = sys.modules.get("numpy.ma")  # slow to load, and without it no array has a mask
    is_masked = getattr(masked_arrays, "is_masked", None)  # not there yet while another thread loads the module
    if is_masked is not None and is_masked(array):  # NumPy would use the values under the mask
        raise InputError(f"{what} has masked values: leave their rows out, or fill them")
    # torch's own conversion comes first. Like its __dlpack__, it refuses a tensor that requires grad, but its message
    # says what to do.
    try:
        if hasattr(array, "__array__") or hasattr(array, "__array_interface__"):
            return np.asarray(array)
        exchanged: Any = array  # NumPy reports what is missing if it is not an array at all
        return np.from_dlpack(exchanged)
    except (TypeError, ValueError, RuntimeError, BufferError, AttributeError) as error:
        raise InputError(
            f"{what} of type {type(array).__name__} cannot be read as a NumPy array ({error}): "
            "give a CPU array, such as tensor.detach().cpu()"
        ) from error


def describe(array: AnyArray) -> str:
    """Type and shape of an array, for messages."""
    return f"{array.dtype} {list(array.shape)}"
