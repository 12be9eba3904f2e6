"""Tables of boxes: their common columns, in the types that kernels read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .arrays import AnyArray
from .ext import native
from .values import INT32, array_of, flag_array, number_array, whole_array


class Rows(NamedTuple):
    """Image, class and coordinates of every box of a table; N rows."""

    image: NDArray[np.int32]  # [N], position of its image
    label: NDArray[np.int32]  # [N], position of its class
    boxes: NDArray[np.float64]  # [N, 4]


def rows_of_boxes(table: str, images: int, classes: int, image: object, label: object, boxes: object) -> Rows:
    """The columns of a table. Raises InputError for unequal lengths, positions out of range or non-finite boxes."""
    columns = [array_of(f"{table}: {name}", values) for name, values in
               (("image_index", image), ("labels", label), ("boxes", boxes))]  # fmt: skip
    rows = len(columns[1]) if columns[1].ndim else 0
    if [column.shape for column in columns] != [(rows,), (rows,), (rows, 4)]:
        shapes = ", ".join(str(list(column.shape)) for column in columns)
        raise InputError(f"{table}: columns of {shapes}: give one row per box")
    return Rows(
        positions_of(table, "image", columns[0], images),
        positions_of(table, "class", columns[1], classes),
        number_array("box", columns[2], wrong=f"{table}: the {{what}} of {{place}} is {{value}}, not finite: fix or "
                     "drop that row"),
    )  # fmt: skip


def positions_of(table: str, what: str, values: object, count: int) -> NDArray[np.int32]:
    """Positions among `count` images or classes."""
    wrong = f"{table}: {{place}} names {what} {{value}}, and there are {count}: fix that row"
    return whole_array(
        f"{table}: positions of {what}", values, 0, min(count, INT32.max + 1) - 1, dtype=np.int32, wrong=wrong
    )


def column_of_numbers(table: str, what: str, values: object, rows: int) -> NDArray[np.float64]:
    """One finite number per row. Raises InputError for a wrong length."""
    column = array_of(f"{table}: {what}", values)
    _check_length(table, f"values of {what}", column, rows)
    wrong = f"{table}: the {what} of {{place}} is {{value}}, not finite: fix or drop that row"
    return number_array(f"{table}: {what}", column, wrong=wrong)


def column_of_flags(table: str, what: str, values: object, rows: int) -> NDArray[np.bool_]:
    """One flag per row. Raises InputError for a wrong length, or for a value that is not a flag."""
    column = array_of(f"{table}: {what}", values)
    _check_length(table, what, column, rows)
    return flag_array(f"{table}: {what}", column)


def column_of_ids(table: str, what: str, values: object, rows: int) -> NDArray[np.int64]:
    """One 64-bit whole number per row. Raises InputError for a wrong length."""
    column = array_of(f"{table}: {what}", values)
    _check_length(table, what, column, rows)
    return whole_array(f"{table}: {what}", column)


def ordered(position: NDArray[np.int32], count: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Where each position below `count` begins [count + 1], and the rows [N] by position, equal ones as they come."""
    begin, order = np.empty(count + 1, np.int64), np.empty(len(position), np.int32)
    native.order_by_image(position, begin, order)
    return begin, order


def check_sizes(table: str, boxes_xywh: NDArray[np.float64]) -> None:
    """Raise InputError for a box [N, 4] with a negative width or height."""
    # One column at a time: a minimum over both takes five times as long.
    if len(boxes_xywh) and not (boxes_xywh[:, 2].min() >= 0 and boxes_xywh[:, 3].min() >= 0):
        row = int(np.flatnonzero((boxes_xywh[:, 2:] < 0).any(axis=1))[0])
        raise InputError(
            f"{table}: the box of row {row} is {boxes_xywh[row].tolist()} as left, top, width, height, and neither "
            "size may be negative: fix or drop that row"
        )


def _check_length(table: str, what: str, column: AnyArray, rows: int) -> None:
    if column.shape != (rows,):
        count = len(column) if column.ndim == 1 else f"{list(column.shape)}"
        raise InputError(f"{table}: {rows} rows and {count} {what}: give one per row")
