"""What `Evaluator.update` is given, as rows: raw output of a head, or any form that NMS and engines produce.

Loading NMS and CUDA arrays takes time, and a table of detections needs neither.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..data.letterbox import Letterbox
from ..errors import InputError
from ..kernels.arrays import AnyArray, as_numpy, describe, is_on_cuda
from ..kernels.cuda import CudaDetections
from ..kernels.device_array import view_of
from ..kernels.ext import Detections
from ..kernels.suppression import nms, on_host
from ..kernels.values import array_of, number_array, whole_array
from .incoming import Incoming


def rows_given(
    predictions: object,
    detections: object,
    letterbox: Sequence[Letterbox] | None,
    *,
    images: int,
    classes: int,
    threads: int,
) -> Incoming:
    """The rows of B images from one of `predictions` and `detections`, in image pixels.

    Raises InputError for arguments that do not fit together, and for values that `nms` or the kernels refuse.
    """
    if (predictions is None) == (detections is None):
        raise InputError("give either predictions or detections, one of the two")
    if letterbox is not None and len(letterbox) != images:
        raise InputError(f"{images} image ids and {len(letterbox)} letterboxes: give one per image")
    for placement in letterbox or ():
        if not isinstance(placement, Letterbox):
            raise InputError(f"letterbox has a {type(placement).__name__}: give a Letterbox per image")
    if predictions is not None:
        head = predictions if is_on_cuda(predictions) else as_numpy("predictions", predictions)
        shape = head.shape if isinstance(head, np.ndarray) else view_of("predictions", head).shape
        _check_head(shape, images, classes)
        detections = on_host(nms(head, threads=threads))
    if isinstance(detections, CudaDetections):
        detections = on_host(detections)
    return _rows_of(detections, images, letterbox)


def _check_head(shape: tuple[int, ...], images: int, classes: int) -> None:
    """Raise InputError if raw outputs have the wrong number of images or classes."""
    if len(shape) == 3 and shape[0] != images:
        raise InputError(f"{images} image ids and predictions {list(shape)}: give one row of predictions per id")
    if len(shape) == 3 and shape[1] - 4 != classes:
        raise InputError(
            f"predictions have {shape[1] - 4} classes, the ground truth {classes}: give `detections` with the "
            "categories' positions as labels"
        )


def _rows_of(detections: object, images: int, letterbox: Sequence[Letterbox] | None) -> Incoming:
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
    return Incoming(image, labels, xywh, scores, dropped)


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
