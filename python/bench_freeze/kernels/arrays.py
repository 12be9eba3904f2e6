"""Arrays given by callers: which can be read, and an error message for each that cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

AnyArray = NDArray[Any]  # a caller's: its type is asked while the program runs


def is_on_cuda(array: object) -> bool:
    """Whether the array declares that it is in the memory of a CUDA device."""
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
    if np.ma.is_masked(array):  # NumPy would drop the mask and show what lies under it
        raise InputError(f"{what} has masked values: leave their rows out, or fill them")
    # torch's own conversion comes first: its __dlpack__ refuses a tensor that requires grad, and so does this, but with
    # a message that says what to do.
    try:
        if hasattr(array, "__array__") or hasattr(array, "__array_interface__"):
            return np.asarray(array)
        exchanged: Any = array  # numpy says what it lacks, if it is no array at all
        return np.from_dlpack(exchanged)
    except (TypeError, ValueError, RuntimeError, BufferError, AttributeError) as error:
        raise InputError(
            f"{what} of type {type(array).__name__} cannot be read as a NumPy array ({error}): "
            "give a CPU array, such as tensor.detach().cpu()"
        ) from error


def describe(array: AnyArray) -> str:
    """Type and shape, for a message."""
    return f"{array.dtype} {list(array.shape)}"
