"""The compiled kernels behind checked calls: the only importer of `_ext`.

Every function refuses what the kernel could not survive or would silently misread, with one sentence for the user.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _ext
from .errors import InputError

BoxFormat = Literal["cxcywh", "xyxy"]

_LANES = 64  # one bit per (IoU threshold, area range) in the kernel


@dataclass(frozen=True)
class Detections:
    """What NMS keeps: D = max_detections rows for each of B images, best first; rows from `count` on are zero."""

    boxes_xyxy: NDArray[np.float32]  # [B, D, 4], in the head's own pixels
    scores: NDArray[np.float32]  # [B, D]
    labels: NDArray[np.int32]  # [B, D]
    count: NDArray[np.int32]  # [B]
    dropped_candidates: NDArray[np.int64]  # [B], above the score threshold but beyond max_candidates
    dropped_detections: NDArray[np.int64]  # [B], survivors of NMS beyond max_detections


class CocoTensors(NamedTuple):
    """The COCO protocol's tensors over T IoU thresholds, R recalls, K classes, A area ranges, M detection maxima.

    -1 marks a (class, area range) without ground truth.
    """

    precision: NDArray[np.float64]  # [T, R, K, A, M]
    recall: NDArray[np.float64]  # [T, K, A, M]
    scores: NDArray[np.float64]  # [T, R, K, A, M]


def nms(
    predictions: Any,
    *,
    score_threshold: float = 0.001,
    iou_threshold: float = 0.7,
    max_detections: int = 300,
    max_candidates: int = 30_000,
    multi_label: bool = True,
    class_agnostic: bool = False,
    box_format: BoxFormat = "cxcywh",
) -> Detections:
    """Decode and suppress the raw output of a YOLO head, one thread.

    `predictions` is [B, 4 + C, A] float32 or float16, four box rows and one row of scores per class, any strides: a
    NumPy array, or anything on the CPU that NumPy can view. A candidate is an (anchor, class) whose score is strictly
    above `score_threshold`; without `multi_label` an anchor only enters with its best class (the lowest on a tie).
    Candidates are ordered by score descending, then class, then anchor; the best `max_candidates` enter a greedy NMS
    per class (over all classes if `class_agnostic`) that drops a box whose IoU with a kept one is strictly above
    `iou_threshold`. Both thresholds and all arithmetic are float32, as torchvision's. An image's result depends on
    neither the batch it came in nor the memory layout; what a limit cut off is counted.

    Raises InputError for a score, or a candidate's box, that is NaN or infinite.
    """
    head = _head(predictions)
    if not 0 <= iou_threshold <= 1:
        raise InputError(f"iou_threshold is {iou_threshold}: give a number from 0 to 1")
    if not math.isfinite(score_threshold):
        raise InputError(f"score_threshold is {score_threshold}: give a finite number such as 0.001")
    _check_positive("max_detections", max_detections)
    _check_positive("max_candidates", max_candidates)
    if box_format not in ("cxcywh", "xyxy"):
        raise InputError(f"box_format is {box_format!r}: give 'cxcywh' or 'xyxy'")
    images = head.shape[0]
    found = Detections(
        boxes_xyxy=np.zeros((images, max_detections, 4), np.float32),
        scores=np.zeros((images, max_detections), np.float32),
        labels=np.zeros((images, max_detections), np.int32),
        count=np.zeros(images, np.int32),
        dropped_candidates=np.zeros(images, np.int64),
        dropped_detections=np.zeros(images, np.int64),
    )
    image, row, anchor = _ext.nms(
        head,
        score_threshold,
        iou_threshold,
        max_candidates,
        multi_label,
        class_agnostic,
        box_format == "cxcywh",
        found.boxes_xyxy,
        found.scores,
        found.labels,
        found.count,
        found.dropped_candidates,
        found.dropped_detections,
    )
    if image >= 0:
        what = f"box value {row}" if row < 4 else f"the score of class {row - 4}"
        raise InputError(
            f"{what} of image {image}, anchor {anchor} is NaN, infinite or too large: "
            "check the exported model (float16 overflows above 65504)"
        )
    return found


def letterbox(
    image_hwc_uint8: NDArray[np.uint8],
    out_chw_float32: NDArray[np.float32],
    *,
    resized_hw: tuple[int, int],
    top_left: tuple[int, int],
    fill: int = 114,
) -> None:
    """Resize an RGB image [H, W, 3] and paste it into `out` [3, height, width], every element of which is written.

    Bilinear with half-pixel centres and no antialiasing (OpenCV's INTER_LINEAR), rounded to whole grey levels, then
    divided by 255; the canvas around the image is `fill` / 255. One thread; the interpreter lock is released.
    """
    image = image_hwc_uint8
    out = out_chw_float32
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InputError(f"image is {_describe(image)}: give uint8 [height, width, 3] in RGB order")
    if out.dtype != np.float32 or out.ndim != 3 or out.shape[0] != 3:
        raise InputError(f"out is {_describe(out)}: give float32 [3, height, width]")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise InputError("out is not a writeable, contiguous array: give one image of a batch, such as batch[i]")
    height, width = (int(size) for size in resized_hw)
    top, left = (int(offset) for offset in top_left)
    if height < 1 or width < 1 or top < 0 or left < 0 or top + height > out.shape[1] or left + width > out.shape[2]:
        raise InputError(
            f"an image of {height} x {width} at ({top}, {left}) does not fit a canvas of "
            f"{out.shape[1]} x {out.shape[2]}: shrink resized_hw or move top_left"
        )
    if not 0 <= fill <= 255:
        raise InputError(f"fill is {fill}: give a grey level from 0 to 255")
    if image.strides[1:] != (3, 1) or image.strides[0] < 3 * image.shape[1]:
        image = np.ascontiguousarray(image)
    _ext.letterbox(image, out, height, width, top, left, float(np.float32(fill) / np.float32(255)))


def match_and_accumulate(
    *,
    truth_image: NDArray[np.int32],
    truth_label: NDArray[np.int32],
    truth_boxes_xywh: NDArray[np.float64],
    truth_area: NDArray[np.float64],
    truth_is_crowd: NDArray[np.bool_],
    truth_is_void: NDArray[np.bool_],
    image: NDArray[np.int32],
    label: NDArray[np.int32],
    boxes_xywh: NDArray[np.float64],
    scores: NDArray[np.float64],
    images: int,
    classes: int,
    iou_thresholds: NDArray[np.float64],
    recall_thresholds: NDArray[np.float64],
    area_ranges: NDArray[np.float64],
    max_detections: tuple[int, ...],
) -> CocoTensors:
    """COCO matching and accumulation, equal to pycocotools' to the last bit, one thread.

    Images and classes are positions; rows keep the order of their file. `truth_is_void` marks ground truth whose
    matches count as none. `recall_thresholds` and `max_detections` ascend; `area_ranges` is [A, 2], ends included.

    Raises InputError for columns of unequal length, a position out of range, and values that are not finite.
    """
    truth_rows = _check_columns("ground truth", images, classes, truth_image, truth_label, truth_boxes_xywh)
    rows = _check_columns("detections", images, classes, image, label, boxes_xywh)
    _check_finite("ground truth", "area", truth_area, truth_rows)
    _check_scores(scores, rows)
    if len(truth_is_crowd) != truth_rows or len(truth_is_void) != truth_rows:
        raise InputError(f"ground truth has {truth_rows} rows and flags of another length: give one flag per row")
    if len(area_ranges) == 0 or len(iou_thresholds) == 0 or len(max_detections) == 0:
        raise InputError("there is no IoU threshold, area range or detection maximum: give at least one of each")
    if min(max_detections) < 1 or list(max_detections) != sorted(max_detections):
        raise InputError(f"max_detections is {max_detections}: give ascending numbers from 1 on")
    if len(area_ranges) > _LANES:
        raise InputError(f"there are {len(area_ranges)} area ranges: give at most {_LANES}")
    truth_columns = (
        _column(truth_image, np.int32),
        _column(truth_label, np.int32),
        _column(truth_boxes_xywh, np.float64),
        _column(truth_area, np.float64),
        _column(truth_is_crowd, np.uint8),
        _column(truth_is_void, np.uint8),
    )
    columns = (
        _column(image, np.int32),
        _column(label, np.int32),
        _column(boxes_xywh, np.float64),
        _column(scores, np.float64),
    )
    parts = []
    # Thresholds are matched independently, so more of them than the kernel has bits for go in parts.
    step = _LANES // len(area_ranges)
    for begin in range(0, len(iou_thresholds), step):
        thresholds = iou_thresholds[begin : begin + step]
        sizes = (len(thresholds), len(recall_thresholds), classes, len(area_ranges), len(max_detections))
        part = CocoTensors(
            precision=np.empty(sizes),
            recall=np.empty((sizes[0], *sizes[2:])),
            scores=np.empty(sizes),
        )
        _ext.match_and_accumulate(
            *truth_columns,
            *columns,
            images,
            classes,
            _column(thresholds, np.float64),
            _column(recall_thresholds, np.float64),
            _column(area_ranges, np.float64),
            np.array(max_detections, np.int64),
            *part,
        )
        parts.append(part)
    if len(parts) == 1:
        return parts[0]
    return CocoTensors(*(np.concatenate(tensors) for tensors in zip(*parts, strict=True)))


def _head(predictions: Any) -> NDArray[np.float32] | NDArray[np.float16]:
    """`predictions` as a NumPy array whose last axis is contiguous; copies only where it is not."""
    head = predictions if isinstance(predictions, np.ndarray) else _as_numpy(predictions)
    if head.dtype not in (np.float32, np.float16) or not head.dtype.isnative or head.ndim != 3 or head.shape[1] < 5:
        raise InputError(
            f"predictions are {_describe(head)}: give float32 or float16 [images, 4 + classes, anchors] "
            "(transpose a head that ends in the class scores)"
        )
    if (head.shape[1] - 4) << max(head.shape[2] - 1, 0).bit_length() > 1 << 32:
        raise InputError(f"predictions are {_describe(head)}: too many classes times anchors for one image")
    if any(stride % head.itemsize for stride in head.strides) or head.strides[2] != head.itemsize:
        return np.ascontiguousarray(head)
    return head


def _as_numpy(array: Any) -> NDArray[Any]:
    # torch's own conversion comes first: its __dlpack__ refuses a tensor that requires grad, and so does this, but with
    # a message that says what to do.
    try:
        return np.asarray(array) if hasattr(array, "__array__") else np.from_dlpack(array)
    except (TypeError, RuntimeError, BufferError, AttributeError) as error:
        raise InputError(
            f"predictions of type {type(array).__name__} cannot be read as a NumPy array ({error}): "
            "give a CPU array, such as tensor.detach().cpu()"
        ) from error


def _column(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    return np.ascontiguousarray(values, dtype=dtype)


def _describe(array: NDArray[Any]) -> str:
    return f"{array.dtype} {list(array.shape)}"


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise InputError(f"{name} is {value}: give at least 1")


def _check_columns(
    table: str, images: int, classes: int, image: NDArray[Any], label: NDArray[Any], boxes: NDArray[Any]
) -> int:
    rows = len(label)
    if image.shape != (rows,) or boxes.shape != (rows, 4):
        raise InputError(
            f"{table}: columns of {list(image.shape)}, {list(label.shape)}, {list(boxes.shape)}: give one row per box"
        )
    for name, column, limit in (("image", image, images), ("class", label, classes)):
        if rows and (column.min() < 0 or column.max() >= limit):
            row = int(np.flatnonzero((column < 0) | (column >= limit))[0])
            raise InputError(f"{table}: row {row} names {name} {column[row]}, and there are {limit}: mend that row")
    _check_finite(table, "box", boxes, rows)
    return rows


def _check_finite(table: str, what: str, values: NDArray[Any], rows: int) -> None:
    if len(values) != rows:
        raise InputError(f"{table}: {rows} rows and {len(values)} values of {what}: give one per row")
    is_finite = np.isfinite(values)
    if not is_finite.all():
        row = int(np.argwhere(~is_finite)[0][0])
        raise InputError(f"{table}: the {what} of row {row} is {values[row]}, not finite: mend or drop that row")


def _check_scores(scores: NDArray[Any], rows: int) -> None:
    if len(scores) != rows:
        raise InputError(f"detections: {rows} rows and {len(scores)} scores: give one per row")
    is_nan = np.isnan(scores)
    if is_nan.any():
        row = int(np.flatnonzero(is_nan)[0])
        raise InputError(f"detections: the score of row {row} is NaN, which has no place in an order: drop that row")
