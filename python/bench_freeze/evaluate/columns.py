"""Columns of numbers as bytes that compress well: a json line that describes the layout, then each column's bytes.

Whole numbers are stored in the fewest bytes, and each column's bytes are transposed: all first bytes, then all second
ones, and so on. Most numbers of a column share their leading bytes, so this order compresses best.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import numpy as np

from ..files import Facts
from ..kernels.arrays import AnyArray

Columns = dict[str, AnyArray]
_TYPES = ("u1", "<u2", "<u4", "<i8", "<f4", "<f8")


class DamagedColumns(Exception):
    """The bytes are not what pack_columns wrote."""


def pack_columns(facts: Mapping[str, object], columns: Mapping[str, AnyArray]) -> bytes:
    """Pack facts (plain json values) and columns of numbers; equal inputs give equal bytes."""
    stored = {name: _smallest(column) for name, column in columns.items()}
    layout = [[name, _TYPES[_type_of(column)], list(column.shape)] for name, column in stored.items()]
    head = json.dumps({"facts": facts, "columns": layout}, sort_keys=True, separators=(",", ":"))
    return b"".join([head.encode(), b"\n", *(_turned(column) for column in stored.values())])


def unpack_columns(content: bytes) -> tuple[Facts, Columns]:
    """The inverse of pack_columns; whole numbers keep their stored type. Raises DamagedColumns."""
    head, newline, rest = content.partition(b"\n")
    try:
        parsed = json.loads(head)
        facts, layout = dict(parsed["facts"]), list(parsed["columns"])
        columns: Columns = {}
        at = 0
        for name, kind, shape in layout:
            dtype = np.dtype(_TYPES[_TYPES.index(kind)])
            if not all(type(side) is int and 0 <= side <= len(rest) for side in shape) or len(shape) > 4:
                raise DamagedColumns("a column has a strange shape")
            count = math.prod(shape)
            size = count * dtype.itemsize
            if at + size > len(rest):
                raise DamagedColumns("it is cut off")
            planes = np.frombuffer(rest, np.uint8, size, at).reshape(dtype.itemsize, count)
            columns[str(name)] = np.ascontiguousarray(planes.T).view(dtype).reshape(shape)
            at += size
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedColumns(f"its layout cannot be read: {error}") from None
    if not newline or at != len(rest):
        raise DamagedColumns("its size is not that of its layout")
    return facts, columns


def _smallest(column: AnyArray) -> AnyArray:
    if column.dtype.kind == "f":
        return column.astype("<f4" if column.itemsize == 4 else "<f8")
    if column.size and column.min() < 0:
        return column.astype("<i8")
    largest = int(column.max()) if column.size else 0
    return column.astype(next((t for t in _TYPES[:3] if largest <= np.iinfo(t).max), "<i8"))


def _type_of(column: AnyArray) -> int:
    return [np.dtype(name) for name in _TYPES].index(column.dtype)


def _turned(column: AnyArray) -> bytes:
    flat = np.ascontiguousarray(column.reshape(-1))
    return np.ascontiguousarray(flat.view(np.uint8).reshape(flat.size, column.itemsize).T).tobytes()
