"""What an update brings, as rows: the forms of detections that NMS, engines and tables have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import DetectionTable
from ..data.letterbox import Letterbox
from ..errors import InputError
from ..kernels.arrays import as_numpy, describe
from ..kernels.ext import Detections


@dataclass(frozen=True)
class Incoming:
    """Rows of B images; `image` is a position among them."""

    image: NDArray[np.int32]  # [N]
    labels: NDArray[np.int32]  # [N]
    boxes_xywh: NDArray[np.float64]  # [N, 4], pixels of the image
    scores: NDArray[np.float64]  # [N]
    dropped: int = 0  # what a limit of NMS cut off


def rows_of_table(table: DetectionTable, images: int) -> tuple[NDArray[np.int32], Incoming]:
    """Positions of the images that have rows, and the rows. Indices were checked."""
    has_rows = np.zeros(images, np.bool_)
    has_rows[table.image_index] = True
    positions = np.flatnonzero(has_rows).astype(np.int32)
    among = (np.cumsum(has_rows) - 1).astype(np.int32)
    image = table.image_index if len(positions) == images else among[table.image_index]
    return positions, Incoming(image, table.labels, table.boxes_xywh, table.scores)


def rows_of(detections: Any, images: int, letterbox: Sequence[Letterbox] | None) -> Incoming:
    """The rows of `Evaluator.update`'s detections, in image pixels. Raises InputError for shapes that do not fit."""
    dropped = 0
    if isinstance(detections, Detections):
        dropped = int(detections.dropped_candidates.sum() + detections.dropped_detections.sum())
        parts = (detections.count, detections.boxes_xyxy, detections.scores, detections.labels)
        image, boxes, scores, labels = _of_fixed_shape(parts, images)
    elif isinstance(detections, tuple) and len(detections) == 4:
        image, boxes, scores, labels = _of_fixed_shape(detections, images)
    elif hasattr(detections, "shape"):
        image, boxes, scores, labels = _of_rows(as_numpy("detections", detections), images)
    else:
        image, boxes, scores, labels = _of_lists(detections, images)
    if letterbox is not None:
        boxes = _to_images(boxes, image, letterbox)
    xywh = boxes.astype(np.float64)
    xywh[:, 2:] -= xywh[:, :2]
    return Incoming(image, _whole(labels), xywh, scores.astype(np.float64), dropped)


_Columns = tuple[NDArray[np.int32], NDArray[Any], NDArray[Any], NDArray[Any]]  # image, corners, scores, labels


def _of_fixed_shape(parts: Sequence[Any], images: int) -> _Columns:
    count, boxes, scores, labels = (as_numpy("detections", part) for part in parts)
    count = count.reshape(-1)
    rows = boxes.shape[1] if boxes.ndim == 3 else -1
    if (
        count.shape != (images,)
        or boxes.shape != (images, rows, 4)
        or scores.shape != (images, rows)
        or labels.shape != (images, rows)
    ):
        shapes = ", ".join(describe(part) for part in (count, boxes, scores, labels))
        raise InputError(
            f"detections of {images} images are {shapes}: give count [B], boxes_xyxy [B, D, 4], scores [B, D], "
            "labels [B, D]"
        )
    count = _whole(count)
    if images and (np.min(count) < 0 or np.max(count) > rows):
        raise InputError(f"detections: a count of {np.max(count)} with room for {rows}: give counts from 0 to {rows}")
    kept = np.arange(rows) < count[:, None]
    return np.nonzero(kept)[0].astype(np.int32), boxes[kept], scores[kept], labels[kept]


def _of_rows(rows: NDArray[Any], images: int) -> _Columns:
    if rows.ndim != 3 or rows.shape[0] != images or rows.shape[2] != 6 or rows.dtype.kind != "f":
        raise InputError(
            f"detections of {images} images are {describe(rows)}: give float [B, D, 6] of corners, score and label"
        )
    kept = ~(rows[:, :, 4] <= 0)  # NaN is no padding: it is refused later, by name
    found = rows[kept]
    return np.nonzero(kept)[0].astype(np.int32), found[:, :4], found[:, 4], found[:, 5]


def _of_lists(detections: Any, images: int) -> _Columns:
    if not isinstance(detections, Sequence) or len(detections) != images:
        raise InputError(
            f"detections of {images} images are a {type(detections).__name__}: give what nms returned, or one "
            "(boxes_xyxy, scores, labels) per image"
        )
    columns: list[tuple[NDArray[Any], ...]] = []
    for number, entry in enumerate(detections):
        if not isinstance(entry, Sequence) or len(entry) != 3:
            raise InputError(f"detections[{number}] is no (boxes_xyxy, scores, labels): give the three arrays")
        boxes, scores, labels = (as_numpy("detections", part) for part in entry)
        if scores.ndim != 1 or boxes.shape != (len(scores), 4) or labels.shape != scores.shape:
            shapes = ", ".join(describe(part) for part in (boxes, scores, labels))
            raise InputError(f"detections[{number}] is {shapes}: give boxes_xyxy [n, 4], scores [n] and labels [n]")
        columns.append((np.full(len(scores), number, np.int32), boxes, scores, labels))
    if not columns:
        return np.zeros(0, np.int32), np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int32)
    image, boxes, scores, labels = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return image, boxes, scores, labels


def _to_images(boxes: NDArray[Any], image: NDArray[np.int32], letterbox: Sequence[Letterbox]) -> NDArray[np.float64]:
    begin = np.searchsorted(image, np.arange(len(letterbox) + 1))
    parts = [placement.to_image(boxes[begin[i] : begin[i + 1]]) for i, placement in enumerate(letterbox)]
    return np.concatenate(parts) if parts else np.zeros((0, 4))


def _whole(labels: NDArray[Any]) -> NDArray[np.int32]:
    """Labels as int32; engines give them as floats too."""
    if labels.dtype.kind not in "iuf":
        raise InputError(f"labels are {describe(labels)}: give whole numbers")
    with np.errstate(invalid="ignore"):
        whole = labels.astype(np.int32)
        is_changed = whole != labels
    if is_changed.any():
        raise InputError(f"label {labels[is_changed][0]} is no whole number of 32 bits: give positions of categories")
    return whole
