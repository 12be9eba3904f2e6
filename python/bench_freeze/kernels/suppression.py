"""`bench_freeze.nms`: one function for suppression on the CPU and on a GPU."""

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
    """Decode the raw output of a YOLO head and apply non-maximum suppression, on the device that holds it.

    `predictions` is [B, 4 + C, A] float32 or float16: four box rows, then one row of scores per class, any strides.
    A candidate is a pair (anchor, class) whose score is strictly above `score_threshold` (default 0.001). Without
    `multi_label` (default on), each anchor enters with its best class only (the lowest class on a tie). Candidates are
    ordered by descending score, class, then anchor. The best `max_candidates` (30,000) enter a greedy NMS per class,
    or over all classes if `class_agnostic`. It drops a box whose IoU with a kept box is strictly above `iou_threshold`
    (0.7). The best `max_detections` (300) are returned. `box_format` is "cxcywh" or "xyxy"; results are corners.

    Thresholds and arithmetic are float32, as in torchvision. The result of an image does not depend on its batch, on
    the memory layout or on `threads`. Candidates beyond a limit are counted.

    NumPy arrays, torch CPU tensors and anything else with DLPack or NumPy's array protocols run on the CPU. Arrays on a
    CUDA device run there and the results stay there, equal to the CPU's to the last bit; `threads` has no effect.

    Raises InputError for invalid arguments and, on the CPU, for a NaN or infinite score or candidate box. On a GPU,
    `check()` of the result reports those. Raises RuntimeError for a CUDA array if this build or machine has no CUDA.

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
    """Detections in host memory. Raises InputError if the GPU found a value that is not finite."""
    if isinstance(detections, Detections):
        return detections
    detections.check()
    stream = current_stream(detections.count)
    names = ("boxes_xyxy", "scores", "labels", "count", "dropped_candidates", "dropped_detections")
    return Detections(**{name: np.asarray(to_numpy(getattr(detections, name), stream)) for name in names})
