"""Selection: turns a head's output into detections, by suppression or as the model selected them itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..kernels import ext
from ..kernels.nms_options import NmsOptions
from .base import Head


def select(output: NDArray[np.float32], head: Head, options: NmsOptions) -> ext.Detections:
    """Turn a head's output for a batch into detections in canvas pixels. Raises InputError for invalid detections."""
    if head.kind == "raw":
        return ext.nms(output, options)
    _refuse_strange(output, head, options)
    return already_selected(output, options)


def already_selected(output: NDArray[np.float32], options: NmsOptions) -> ext.Detections:
    """Detections of a head that needs no suppression because it was trained to detect each object once.

    `output` is [B, D, 6]: x1, y1, x2, y2, score, class. Only the score threshold and the limit on detections apply. The
    order is the same as after suppression: descending score, then class, then position.
    """
    images, rows = output.shape[:2]
    limit = options.max_detections
    boxes = np.zeros((images, limit, 4), np.float32)
    scores = np.zeros((images, limit), np.float32)
    labels = np.zeros((images, limit), np.int32)
    count = np.zeros(images, np.int32)
    dropped = np.zeros(images, np.int64)
    for i, found in enumerate(output):
        order = np.lexsort((np.arange(rows), found[:, 5], -found[:, 4]))
        order = order[found[order, 4] > options.score_threshold]
        dropped[i] = max(0, len(order) - limit)
        order = order[:limit]
        count[i] = len(order)
        boxes[i, : len(order)] = found[order, :4]
        scores[i, : len(order)] = found[order, 4]
        labels[i, : len(order)] = found[order, 5].astype(np.int32)
    return ext.Detections(boxes, scores, labels, count, np.zeros(images, np.int64), dropped)


def _refuse_strange(output: NDArray[np.float32], head: Head, options: NmsOptions) -> None:
    """Raise InputError for values that are not finite, and for a detected class that the head does not have."""
    if not np.isfinite(output).all():
        raise InputError(f"the {head.name} head gave a value that is not finite; export the model again.")
    count = len(head.class_names)
    labels = output[:, :, 5][output[:, :, 4] > options.score_threshold]
    is_class = (labels >= 0) & (labels < count) & (labels == np.floor(labels))
    if not is_class.all():
        raise InputError(
            f"the {head.name} head detected class {labels[~is_class][0]:g}, but its file names {count}; export the "
            "model again, with the names that it was trained with."
        )
