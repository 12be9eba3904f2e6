"""Rows of Ultralytics label files, as columns: boxes, polygons and poses, every value checked.

A box row is `class cx cy w h`, a polygon row `class x1 y1 x2 y2 ...`, a pose row a box row followed by keypoints; all
normalised by the image's width and height. A polygon is read as its bounding box, a pose as its box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .tally import Tally
from .yolo_yaml import decoded, one_line

FAR_ABOVE_ONE = 2.0  # a share this large is a number of pixels
ROUNDING = 1e-5  # labels have six digits, so a box that ends at the border may exceed it by a rounding


@dataclass(frozen=True)
class LabelRows:
    """The rows of many label files, in order. Errors name file and row."""

    files: Sequence[Path]
    file_index: NDArray[np.int64]  # [N], position in files
    numbers: NDArray[np.int64]  # [N], of the row in its file, from 1
    classes: NDArray[np.float64]  # [N]
    corners: NDArray[np.float64]  # [N, 4]: x1, y1, x2, y2 as shares, not clipped
    far: NDArray[np.float64]  # [N], the largest magnitude among the row's coordinates
    is_polygon: NDArray[np.bool_]  # [N]

    def __len__(self) -> int:
        return len(self.classes)

    def where(self, row: int) -> str:
        """A row's place, in words."""
        return f"{self.files[self.file_index[row]]}, row {self.numbers[row]}"


@dataclass(frozen=True)
class _Columns:
    file_index: list[int]
    numbers: list[int]
    values: list[float]  # five a row: class and box
    polygons: list[int]  # positions of rows whose box stands for points
    far: dict[int, float]  # the largest magnitude among a polygon's coordinates, by position


def read_rows(
    files: Sequence[Path],
    contents: Sequence[bytes | None],
    class_count: int,
    keypoint_values: int | None,
    tally: Tally,
) -> LabelRows:
    """All rows without repeated ones, which are counted. `contents` has the bytes of each file, None without a file.

    Raises InputError for the first invalid row.
    """
    columns = _Columns([], [], [], [], {})
    suspects = _Keypoints()
    for i, (file, content) in enumerate(zip(files, contents, strict=True)):
        if content:
            _read_file(file, i, content, keypoint_values, columns, suspects, tally)
    values = np.array(columns.values, np.float64).reshape(-1, 5)
    is_polygon = np.zeros(len(values), np.bool_)
    is_polygon[columns.polygons] = True
    far = np.abs(values[:, 1:]).max(axis=1, initial=0)
    far[list(columns.far)] = list(columns.far.values())
    rows = LabelRows(
        files=files,
        file_index=np.array(columns.file_index, np.int64),
        numbers=np.array(columns.numbers, np.int64),
        classes=values[:, 0],
        corners=_corners(values, is_polygon),
        far=far,
        is_polygon=is_polygon,
    )
    _refuse_bad_values(rows, values, class_count)
    suspects.refuse()
    _refuse_corners(rows, values)
    return rows


def _read_file(
    file: Path,
    index: int,
    content: bytes,
    keypoint_values: int | None,
    columns: _Columns,
    suspects: _Keypoints,
    tally: Tally,
) -> None:
    try:
        lines = decoded(content).splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{file} cannot be read ({one_line(error)}); replace the label file.") from None
    seen: set[tuple[float, ...]] = set()
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        fields = _numbers(file, number, line, words)
        if fields in seen:  # Ultralytics drops a repeated row too; kept, one of the two could never be found
            tally.add("repeated_rows", f"{file}, row {number}")
            continue
        seen.add(fields)
        if len(fields) != 5 and (keypoint_values is None or len(fields) != 5 + keypoint_values):
            _check_points(file, number, fields, keypoint_values)
            suspects.look_at(file, number, fields)
            xs, ys = fields[1::2], fields[2::2]
            columns.polygons.append(len(columns.numbers))
            columns.far[len(columns.numbers)] = max(map(abs, fields[1:]))
            fields = (fields[0], min(xs), min(ys), max(xs), max(ys))
            tally.add("polygon_rows", f"{file}, row {number}")
        elif len(fields) != 5:
            tally.add("pose_rows", f"{file}, row {number}")
        columns.file_index.append(index)
        columns.numbers.append(number)
        columns.values.extend(fields[:5])


def _numbers(file: Path, number: int, line: str, words: list[str]) -> tuple[float, ...]:
    try:
        return tuple(map(float, words))
    except ValueError:
        hint = " (decimal points, and blanks between values)" if "," in line else ""
        raise InputError(
            f"{file}, row {number}: '{line.strip()[:60]}' is not made of numbers{hint}; correct or delete the row."
        ) from None


def _check_points(file: Path, number: int, fields: tuple[float, ...], keypoint_values: int | None) -> None:
    """Raise InputError for a row that is neither a box nor a polygon; in a pose set, for a polygon too: it would be an
    incomplete pose."""
    where = f"{file}, row {number}"
    if keypoint_values is not None:
        raise InputError(
            f"{where} has {len(fields)} fields; by the yaml's kpt_shape a row has {5 + keypoint_values} (class cx cy w "
            "h and the points), or 5 without points."
        )
    if len(fields) < 7 or len(fields) % 2 == 0:
        hint = "; a sixth may be a confidence, which labels do not have" if len(fields) == 6 else ""
        poses = "; for a pose set the yaml needs its kpt_shape" if len(fields) > 7 else ""
        raise InputError(
            f"{where} has {len(fields)} fields; a box has 5 (class cx cy w h), a polygon an odd number from 7 on"
            f"{hint}{poses}."
        )


def _corners(values: NDArray[np.float64], is_polygon: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[N, 4] of [N, 5] rows; polygons have corners already."""
    cx, cy, w, h = values[:, 1:].T
    with np.errstate(over="ignore", invalid="ignore"):  # such values are refused afterwards, by name
        corners = np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=1)
    corners[is_polygon] = values[is_polygon, 1:]
    return corners


def _refuse_bad_values(rows: LabelRows, values: NDArray[np.float64], class_count: int) -> None:
    """Raise InputError for the first row with an invalid value."""
    classes = rows.classes
    finite = np.isfinite(values).all(axis=1) & np.isfinite(rows.far)
    is_class = (classes >= 0) & (classes < class_count) & (classes == np.floor(classes))
    negative = ~rows.is_polygon & (values[:, 3:] < 0).any(axis=1)
    bad = ~finite | ~is_class | negative | ~(rows.far <= FAR_ABOVE_ONE)
    if not bad.any():
        return
    row = int(np.argmax(bad))
    where = rows.where(row)
    if not finite[row]:
        raise InputError(f"{where}: a value is not finite; correct or delete the row.")
    if not is_class[row]:
        raise InputError(
            f"{where}: class {values[row, 0]:g} is not one of 0 to {class_count - 1}; correct the row or the names."
        )
    if negative[row]:
        w, h = values[row, 3:]
        raise InputError(f"{where}: width {w:g} and height {h:g} must not be negative; correct or delete the row.")
    raise InputError(
        f"{where}: a coordinate is {rows.far[row]:g}, far above 1; coordinates are shares of the image's sides, so "
        "divide pixels by its width and height."
    )


def _refuse_corners(rows: LabelRows, values: NDArray[np.float64]) -> None:
    """Raise InputError if the box rows must be x1 y1 x2 y2: as centre and size, too many would leave their image."""
    boxes = values[~rows.is_polygon, 1:]
    if len(boxes) < 10 or not (boxes[:, 2:] > boxes[:, :2]).all():
        return
    corners = rows.corners[~rows.is_polygon]
    outside = ((corners < -0.01) | (corners > 1.01)).any(axis=1)
    if outside.mean() > 0.3:
        first = int(np.flatnonzero(~rows.is_polygon)[np.argmax(outside)])
        raise InputError(
            f"{rows.where(first)}: rows look like corners (x1 y1 x2 y2): as centre and size {int(outside.sum())} of "
            f"{len(boxes)} boxes leave their image; write class cx cy w h."
        )


class _Keypoints:
    """Detects poses without a kpt_shape: in every row, all points lie in the box before them."""

    def __init__(self) -> None:
        self._lengths: set[int] = set()
        self._rows = 0
        self._all_inside = True
        self._first = ""

    def look_at(self, file: Path, number: int, fields: tuple[float, ...]) -> None:
        """Add a row of more than five fields."""
        self._rows += 1
        self._first = self._first or f"{file}, row {number}"
        self._lengths.add(len(fields))
        cx, cy, w, h = fields[1:5]
        self._all_inside &= all(
            (x == y == 0) or (abs(x - cx) <= w / 2 + 0.01 and abs(y - cy) <= h / 2 + 0.01)
            for x, y in zip(fields[5::2], fields[6::2], strict=True)
        )

    def refuse(self) -> None:
        """Raise InputError if every row looks like a pose; a few polygons may do so by chance."""
        if self._rows >= 4 and self._all_inside and len(self._lengths) == 1:
            points = (self._lengths.pop() - 5) // 2
            raise InputError(
                f"{self._first}: rows look like poses (a box with {points} points in it), and the yaml has no "
                f"kpt_shape; add 'kpt_shape: [{points}, 2]', so that they are not read as polygons."
            )
