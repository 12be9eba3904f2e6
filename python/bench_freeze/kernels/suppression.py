"""`bench_freeze.nms`: one name for suppression wherever the head lies."""

from __future__ import annotations

import numpy as np

from . import ext
from .arrays import is_on_cuda
from .cuda import CudaDetections, nms_cuda
from .device_array import current_stream, to_numpy
from .ext import Detections
from .nms_options import DEFAULTS, BoxFormat, NmsOptions


def nms(
    predictions: object,
    *,
    score_threshold: float = DEFAULTS.score_threshold,
    iou_threshold: float = DEFAULTS.iou_threshold,
    max_detections: int = DEFAULTS.max_detections,
    max_candidates: int = DEFAULTS.max_candidates,
    multi_label: bool = DEFAULTS.multi_label,
    class_agnostic: bool = DEFAULTS.class_agnostic,
    box_format: BoxFormat = DEFAULTS.box_format,
    threads: int = 1,
) -> Detections | CudaDetections:
    """Decode and suppress the raw output of a YOLO head, where it lies.

    `predictions` is [B, 4 + C, A] float32 or float16, four box rows and one row of scores per class, any strides. A
    candidate is an (anchor, class) whose score is strictly above `score_threshold` (0.001 by default); without
    `multi_label` (on) an anchor only enters with its best class (the lowest on a tie). Candidates are ordered by score
    descending, then class, then anchor; the best `max_candidates` (30,000) enter a greedy NMS per class (over all
    classes if `class_agnostic`) that drops a box whose IoU with a kept one is strictly above `iou_threshold` (0.7);
    the best `max_detections` (300) are returned. Boxes of `box_format` "cxcywh" (or "xyxy") come out as corners. Both
    thresholds and all arithmetic are float32, as torchvision's. An image's result depends on neither the batch it came
    in, the memory layout nor `threads`; what a limit cut off is counted.

    A NumPy array, a torch tensor, anything with DLPack or NumPy's array protocols is suppressed on the CPU. What says
    that it lies on a CUDA device stays there, and so do its results, which equal the CPU's to the last bit; `threads`
    does not concern it.

    Raises InputError for arguments that make no sense and, on the CPU, for a score or a candidate's box that is NaN or
    infinite: on a GPU that is found out later, by `check()` of the result. Raises RuntimeError for an array on a CUDA
    device where this build or machine has no CUDA.

        >>> import numpy as np
        >>> from bench_freeze import nms
        >>> head = np.zeros((1, 4 + 1, 3), np.float32)  # one image, one class, three anchors
        >>> head[0, :, 0] = [50, 50, 20, 20, 0.9]
        >>> head[0, :, 1] = [51, 50, 20, 20, 0.8]  # overlaps the first
        >>> head[0, :, 2] = [10, 10, 8, 8, 0.5]
        >>> found = nms(head)
        >>> found.boxes_xyxy[0, : found.count[0]].tolist()
        [[40.0, 40.0, 60.0, 60.0], [6.0, 6.0, 14.0, 14.0]]
    """
    options = NmsOptions(
        score_threshold, iou_threshold, max_detections, max_candidates, multi_label, class_agnostic, box_format
    )
    return nms_cuda(predictions, options) if is_on_cuda(predictions) else ext.nms(predictions, options, threads=threads)


def on_host(detections: Detections | CudaDetections) -> Detections:
    """Detections in host memory. Raises InputError where the GPU met a value that is not finite."""
    if isinstance(detections, Detections):
        return detections
    detections.check()
    stream = current_stream(detections.count)
    names = ("boxes_xyxy", "scores", "labels", "count", "dropped_candidates", "dropped_detections")
    return Detections(**{name: np.asarray(to_numpy(getattr(detections, name), stream)) for name in names})
