"""`bench_freeze.nms`: one name for suppression wherever the head lies."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import ext
from .arrays import is_on_cuda
from .cuda import CudaDetections, nms_cuda
from .device_array import current_stream, to_numpy
from .ext import BoxFormat, Detections


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
    threads: int = 1,
) -> Detections | CudaDetections:
    """Decode and suppress the raw output [B, 4 + C, A] of a YOLO head, float32 or float16, where it lies.

    On the CPU (NumPy, a torch tensor, anything with DLPack or NumPy's array protocols, any strides) this is `ext.nms`.
    What says that it lies on a CUDA device goes to `cuda.nms_cuda`, whose results stay there and equal the CPU's to
    the last bit; `threads` does not concern it.

    Raises InputError for arguments that make no sense and, on the CPU, for a score or a candidate's box that is not
    finite: on a GPU that is found out later, by `check()` of the result. Raises RuntimeError for an array on a CUDA
    device where this build or machine has no CUDA.
    """
    if not is_on_cuda(predictions):
        return ext.nms(
            predictions,
            score_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
            max_candidates=max_candidates,
            multi_label=multi_label,
            class_agnostic=class_agnostic,
            box_format=box_format,
            threads=threads,
        )
    return nms_cuda(
        predictions,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
        max_candidates=max_candidates,
        multi_label=multi_label,
        class_agnostic=class_agnostic,
        box_format=box_format,
    )


def on_host(detections: Detections | CudaDetections) -> Detections:
    """Detections in host memory. Raises InputError where the GPU met a value that is not finite."""
    if isinstance(detections, Detections):
        return detections
    detections.check()
    stream = current_stream(detections.count)
    names = ("boxes_xyxy", "scores", "labels", "count", "dropped_candidates", "dropped_detections")
    return Detections(**{name: np.asarray(to_numpy(getattr(detections, name), stream)) for name in names})
