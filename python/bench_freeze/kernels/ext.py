"""The compiled kernels behind checked calls. Only `results_ahead` imports `_ext` too, because it has to load fast.

Every function rejects input that would crash the kernel or be misread silently, with one sentence for the user.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _ext
from ..errors import InputError
from .arrays import as_numpy, describe
from .nms_options import DEFAULTS, NmsOptions
from .values import INT64, real_number, whole_number

native = _ext  # for the other modules that call the compiled code


@dataclass(frozen=True)
class Detections:
    """The result of NMS: D = max_detections rows for each of B images, best first. Rows from `count` on are zero.

    >>> import numpy as np
    >>> from bench_freeze import nms
    >>> kept = nms(np.array([[[50.0], [50], [20], [10], [0.9]]], np.float32), max_detections=2)
    >>> kept.count.tolist(), kept.boxes_xyxy[0, 0].tolist()
    ([1], [40.0, 45.0, 60.0, 55.0])
    """

    boxes_xyxy: NDArray[np.float32]  # [B, D, 4], in the head's own pixels
    scores: NDArray[np.float32]  # [B, D]
    labels: NDArray[np.int32]  # [B, D]
    count: NDArray[np.int32]  # [B]
    dropped_candidates: NDArray[np.int64]  # [B], above the score threshold but beyond max_candidates
    dropped_detections: NDArray[np.int64]  # [B], survivors of NMS beyond max_detections


def nms(predictions: object, options: NmsOptions = DEFAULTS, *, threads: int = 1) -> Detections:
    """`bench_freeze.nms` on the CPU."""
    head = _head(predictions)
    threads = whole_number("threads", threads)
    images, rows = head.shape[0], options.max_detections
    found = Detections(
        boxes_xyxy=np.zeros((images, rows, 4), np.float32),
        scores=np.zeros((images, rows), np.float32),
        labels=np.zeros((images, rows), np.int32),
        count=np.zeros(images, np.int32),
        dropped_candidates=np.zeros(images, np.int64),
        dropped_detections=np.zeros(images, np.int64),
    )
    image, row, anchor = _ext.nms(
        head,
        options.score_threshold,
        options.iou_threshold,
        options.max_candidates,
        options.multi_label,
        options.class_agnostic,
        options.box_format == "cxcywh",
        threads,
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
    image = as_numpy("image", image_hwc_uint8)
    out = out_chw_float32
    if not isinstance(out, np.ndarray):
        raise InputError(f"out is a {type(out).__name__}: give a NumPy array, float32 [3, height, width]")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InputError(f"image is {describe(image)}: give uint8 [height, width, 3] in RGB order")
    if out.dtype != np.float32 or out.ndim != 3 or out.shape[0] != 3:
        raise InputError(f"out is {describe(out)}: give float32 [3, height, width]")
    if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
        raise InputError("out is not a writeable, contiguous array: give one image of a batch, such as batch[i]")
    height, width = (whole_number("resized_hw", size, low=INT64.min) for size in resized_hw)
    top, left = (whole_number("top_left", offset, low=INT64.min) for offset in top_left)
    if height < 1 or width < 1 or top < 0 or left < 0 or top + height > out.shape[1] or left + width > out.shape[2]:
        raise InputError(
            f"an image of {height} x {width} at ({top}, {left}) does not fit a canvas of "
            f"{out.shape[1]} x {out.shape[2]}: shrink resized_hw or move top_left"
        )
    fill_level = real_number("fill", fill, 0, 255, "a grey level from 0 to 255")
    if image.strides[1:] != (3, 1) or image.strides[0] < 3 * image.shape[1]:
        image = np.ascontiguousarray(image)
    _ext.letterbox(image, out, height, width, top, left, float(np.float32(fill_level) / np.float32(255)))


def _head(predictions: object) -> NDArray[np.float32] | NDArray[np.float16]:
    """`predictions` as a NumPy array whose last axis is contiguous; copied only if it is not."""
    head = as_numpy("predictions", predictions)
    if head.dtype not in (np.float32, np.float16) or not head.dtype.isnative or head.ndim != 3 or head.shape[1] < 5:
        raise InputError(
            f"predictions are {describe(head)}: give float32 or float16 [images, 4 + classes, anchors] "
            "(transpose a head that ends in the class scores)"
        )
    if (head.shape[1] - 4) << max(head.shape[2] - 1, 0).bit_length() > 1 << 32:
        raise InputError(f"predictions are {describe(head)}: too many classes times anchors for one image")
    is_whole = all(stride % head.itemsize == 0 for stride in head.strides) and head.strides[2] == head.itemsize
    if not (is_whole and head.flags.aligned):
        return np.require(head, requirements=("C", "A"))
    return head
