"""Convert callers' values to the types that kernels read. Only this module converts them.

No conversion changes a value, except that measures are rounded to float64: 0.9 and 2^32 do not become 0, NaN does not
become the lowest integer, "1" does not become 1, and 2 is not a flag. A value that cannot be kept raises InputError
with its row. Range checks are written `not (low <= x <= high)`, which rejects NaN.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .arrays import AnyArray, as_numpy, describe

INT32 = np.iinfo(np.int32)
INT64 = np.iinfo(np.int64)
UINT64_MAX = 2**64 - 1

Whole = TypeVar("Whole", bound=np.integer)


def array_of(what: str, values: object) -> AnyArray:
    """Any array, or nested lists of equal length, as a NumPy array. Raises InputError for masked values."""
    if any(hasattr(values, name) for name in ("__array__", "__array_interface__", "__dlpack__")):
        return as_numpy(what, values)
    try:
        return np.asarray(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{what} cannot be read as an array ({error}): give numbers, one per row") from error


@overload
def whole_array(
    what: str, values: object, low: int = ..., high: int = ..., *, wrong: str = ...
) -> NDArray[np.int64]: ...
@overload
def whole_array(
    what: str, values: object, low: int = ..., high: int = ..., *, dtype: type[Whole], wrong: str = ...
) -> NDArray[Whole]: ...
def whole_array(
    what: str,
    values: object,
    low: int = INT64.min,
    high: int = INT64.max,
    *,
    dtype: type[np.integer] = np.int64,
    wrong: str = "{what}: {value} in {place}: give whole numbers from {low} to {high}",
) -> NDArray[np.integer]:
    """Whole numbers from `low` to `high` of any integer type, or of a float type that holds them exactly.

    A float so large that its type cannot hold every whole number is refused, since it may have been rounded. Raises
    InputError with the template `wrong`.
    """
    array = array_of(what, values)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{what}: {describe(array)}: give whole numbers")
    if array.dtype.kind == "f":
        limit = 2 ** (np.finfo(array.dtype).nmant + 1)
        wide = array if array.itemsize >= 8 else array.astype(np.float64)
        inside = (wide >= max(low, 1 - limit)) & (wide <= min(high, limit - 1))
        with np.errstate(invalid="ignore"):
            is_wrong = ~(inside & (np.floor(wide) == wide))
    elif not array.size or (low <= int(array.min()) and int(array.max()) <= high):
        return np.require(array, dtype, ("C", "A"))
    else:
        is_wrong = np.array([not low <= value <= high for value in array.reshape(-1).tolist()]).reshape(array.shape)
    if is_wrong.any():
        place, value = _first(is_wrong, array)
        raise InputError(wrong.format(what=what, place=place, value=value, low=low, high=high))
    return np.require(array, dtype, ("C", "A"))


def number_array(
    what: str, values: object, *, wrong: str = "{what}: {value} in {place} is not finite: fix it"
) -> NDArray[np.float64]:
    """Finite numbers of any integer or float type as float64. Raises InputError with the template `wrong`."""
    array = array_of(what, values)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{what}: {describe(array)}: give numbers")
    with np.errstate(over="ignore"):
        numbers = np.require(array, np.float64, ("C", "A"))
    is_finite = np.isfinite(numbers)
    if not is_finite.all():
        place, value = _first(~is_finite, array)
        raise InputError(wrong.format(what=what, place=place, value=value))
    return numbers


def flag_array(what: str, values: object) -> NDArray[np.bool_]:
    """Flags as bool: True and False, or 0 and 1 of any number type. Raises InputError for anything else."""
    array = array_of(what, values)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{what}: {describe(array)}: give flags, True or False")
    if array.dtype.kind != "b":
        is_wrong = ~((array == 0) | (array == 1))
        if is_wrong.any():
            place, value = _first(is_wrong, array)
            raise InputError(f"{what}: {value} in {place} is not a flag: give True or False, 0 or 1")
    return np.require(array, np.bool_, ("C", "A"))


def whole_number(name: str, value: object, low: int = 1, high: int = INT64.max) -> int:
    """A count as int; 3.0 counts as 3, a flag does not. Raises InputError."""
    number = _scalar(value)
    is_whole = isinstance(number, Integral) or (isinstance(number, Real) and math.isfinite(number) and number % 1 == 0)
    if not is_whole or not low <= number <= high:
        allowed = f"at least {low}" if high == INT64.max else f"a whole number from {low} to {high}"
        raise InputError(f"{name} is {value!r}: give {allowed}")
    return int(number)


def real_number(name: str, value: object, low: float, high: float, example: str) -> float:
    """A number from `low` to `high`, both included, as float. Raises InputError; NaN is in no range."""
    number = _scalar(value)
    if not isinstance(number, Real) or not low <= float(number) <= high:
        raise InputError(f"{name} is {value!r}: give {example}")
    return float(number)


def flag(name: str, value: object) -> bool:
    """True or False, or 0 or 1. Raises InputError."""
    if isinstance(value, (bool, np.bool_)) or (isinstance(value, Integral) and value in (0, 1)):
        return bool(value)
    raise InputError(f"{name} is {value!r}: give True or False")


def _scalar(value: object) -> Any:
    """The number, or None for a flag; a zero-dimensional array counts as its number."""
    if isinstance(value, np.ndarray) and value.ndim == 0 and not isinstance(value, np.ma.MaskedArray):
        value = value[()]
    return None if isinstance(value, (bool, np.bool_)) else value


def _first(is_wrong: NDArray[np.bool_], array: AnyArray) -> tuple[str, object]:
    index = tuple(np.argwhere(is_wrong)[0].tolist())
    if not index:
        return "it", array[()]
    return "row " + ", column ".join(map(str, index)), array[index]
