"""The detections of an update as rows, from any form that NMS, engines and tables produce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import DetectionTable
from ..data.letterbox import Letterbox
from ..errors import InputError
from ..kernels.arrays import AnyArray, describe
from ..kernels.ext import Detections
from ..kernels.rows import column_of_numbers, positions_of, rows_of_boxes
from ..kernels.values import array_of, number_array, whole_array


@dataclass(frozen=True)
class Incoming:
    """Rows of B images; `image` is a position among them. Columns may have any type: `match` reads and checks them."""

    image: NDArray[np.int32]  # [N]
    labels: AnyArray  # [N]
    boxes_xywh: AnyArray  # [N, 4], pixels of the image
    scores: AnyArray  # [N]
    dropped: int = 0  # detections beyond a limit of NMS


def rows_of_table(
    table: DetectionTable, images: int, among: NDArray[np.int32] | None = None
) -> tuple[NDArray[np.int32], Incoming]:
    """Positions of the images that have rows, and the rows. With `among`, those images, with or without rows.

    Raises InputError for an image that is out of range, or not in `among`.
    """
    image = positions_of("detections", "image", table.image_index, images)
    is_added = np.zeros(images, np.bool_)
    is_added[image if among is None else among] = True
    if among is not None and not is_added[image].all():
        row = int(np.flatnonzero(~is_added[image])[0])
        raise InputError(
            f"detections[{row}] belongs to an image that image_ids does not name: add its id, or give none"
        )
    positions = np.flatnonzero(is_added).astype(np.int32)
    numbers = (np.cumsum(is_added) - 1).astype(np.int32)
    image = image if len(positions) == images else numbers[image]
    return positions, Incoming(image, table.labels, table.boxes_xywh, table.scores)


def sound_table(table: DetectionTable, images: int, classes: int) -> DetectionTable:
    """The same detections, with every column in the type that DetectionTable declares. Raises InputError."""
    image, label, boxes = rows_of_boxes(
        "detections", images, classes, table.image_index, table.labels, table.boxes_xywh
    )
    return DetectionTable(image, label, boxes, column_of_numbers("detections", "score", table.scores, len(label)))


def rows_of(detections: object, images: int, letterbox: Sequence[Letterbox] | None) -> Incoming:
    """The rows of `Evaluator.update`'s detections, in image pixels. Raises InputError for shapes that do not fit."""
    dropped = 0
    if isinstance(detections, Detections):
        limits = (detections.dropped_candidates, detections.dropped_detections)
        dropped = int(sum(whole_array("dropped detections", counts, 0).sum() for counts in limits))
        parts = (detections.count, detections.boxes_xyxy, detections.scores, detections.labels)
        image, boxes, scores, labels = _of_fixed_shape(parts, images)
    elif isinstance(detections, tuple) and len(detections) == 4:
        image, boxes, scores, labels = _of_fixed_shape(detections, images)
    elif hasattr(detections, "shape"):
        image, boxes, scores, labels = _of_rows(array_of("detections", detections), images)
    else:
        image, boxes, scores, labels = _of_lists(detections, images)
    wrong = "detections: the box of {place} is {value}, not finite: fix or drop that row"
    xywh = number_array("detections: boxes", boxes, wrong=wrong)
    if letterbox is not None:
        xywh = _to_images(xywh, image, letterbox)
    xywh = np.concatenate([xywh[:, :2], xywh[:, 2:] - xywh[:, :2]], axis=1)
    return Incoming(
        image,
        labels,
        xywh,
        scores,
        dropped,
    )


_Columns = tuple[NDArray[np.int32], AnyArray, AnyArray, AnyArray]  # image, corners, scores, labels


def _of_fixed_shape(parts: Sequence[object], images: int) -> _Columns:
    count, boxes, scores, labels = (array_of("detections", part) for part in parts)
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
    wrong = f"detections: a count of {{value}} with room for {rows}: give counts from 0 to {rows}"
    count = whole_array("detections: count", count, 0, rows, wrong=wrong)
    kept = np.arange(rows) < count[:, None]
    return np.nonzero(kept)[0].astype(np.int32), boxes[kept], scores[kept], labels[kept]


def _of_rows(rows: AnyArray, images: int) -> _Columns:
    if rows.ndim != 3 or rows.shape[0] != images or rows.shape[2] != 6 or rows.dtype.kind != "f":
        raise InputError(
            f"detections of {images} images are {describe(rows)}: give float [B, D, 6] of corners, score and label"
        )
    kept = ~(rows[:, :, 4] <= 0)  # NaN is not padding; a later check refuses it by name
    found = rows[kept]
    return np.nonzero(kept)[0].astype(np.int32), found[:, :4], found[:, 4], found[:, 5]


def _of_lists(detections: object, images: int) -> _Columns:
    if not isinstance(detections, Sequence) or len(detections) != images:
        raise InputError(
            f"detections of {images} images are a {type(detections).__name__}: give what nms returned, or one "
            "(boxes_xyxy, scores, labels) per image"
        )
    columns: list[tuple[AnyArray, ...]] = []
    for number, entry in enumerate(detections):
        if not isinstance(entry, Sequence) or len(entry) != 3:
            raise InputError(f"detections[{number}] is not (boxes_xyxy, scores, labels): give the three arrays")
        boxes, scores, labels = (array_of("detections", part) for part in entry)
        if scores.ndim != 1 or boxes.shape != (len(scores), 4) or labels.shape != scores.shape:
            shapes = ", ".join(describe(part) for part in (boxes, scores, labels))
            raise InputError(f"detections[{number}] is {shapes}: give boxes_xyxy [n, 4], scores [n] and labels [n]")
        columns.append((np.full(len(scores), number, np.int32), boxes, scores, labels))
    if not columns:
        return np.zeros(0, np.int32), np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int32)
    image, boxes, scores, labels = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return image, boxes, scores, labels


def _to_images(boxes: AnyArray, image: NDArray[np.int32], letterbox: Sequence[Letterbox]) -> NDArray[np.float64]:
    begin = np.searchsorted(image, np.arange(len(letterbox) + 1))
    parts = [placement.to_image(boxes[begin[i] : begin[i + 1]]) for i, placement in enumerate(letterbox)]
    return np.concatenate(parts) if parts else np.zeros((0, 4))
