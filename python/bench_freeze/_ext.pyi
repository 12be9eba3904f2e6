"""Compiled kernels; import `bench_freeze.ext` instead, which checks its arguments."""

import numpy as np
from numpy.typing import NDArray

# Arrays are C-contiguous and on the CPU unless the comment says otherwise; shapes that belong together are not checked.

def nms(
    predictions: NDArray[np.float32] | NDArray[np.float16],  # [B, 4 + C, A], last axis contiguous
    score_threshold: float,
    iou_threshold: float,
    max_candidates: int,
    multi_label: bool,
    class_agnostic: bool,
    is_cxcywh: bool,
    boxes: NDArray[np.float32],  # out [B, D, 4]
    scores: NDArray[np.float32],  # out [B, D]
    labels: NDArray[np.int32],  # out [B, D]
    count: NDArray[np.int32],  # out [B]
    dropped_candidates: NDArray[np.int64],  # out [B]
    dropped_detections: NDArray[np.int64],  # out [B]
) -> tuple[int, int, int]:
    """Image, row and anchor of the first value that is not finite; image -1 where all is well."""

def letterbox(
    image: NDArray[np.uint8],  # [H, W, 3], rows contiguous
    out: NDArray[np.float32],  # out [3, height, width]
    resized_height: int,
    resized_width: int,
    top: int,
    left: int,
    fill: float,  # 0 .. 1
) -> None: ...
def match_and_accumulate(
    truth_image: NDArray[np.int32],  # [G]
    truth_label: NDArray[np.int32],  # [G]
    truth_boxes: NDArray[np.float64],  # [G, 4]
    truth_area: NDArray[np.float64],  # [G]
    truth_is_crowd: NDArray[np.uint8],  # [G]
    truth_is_void: NDArray[np.uint8],  # [G]
    image: NDArray[np.int32],  # [N]
    label: NDArray[np.int32],  # [N]
    boxes: NDArray[np.float64],  # [N, 4]
    scores: NDArray[np.float64],  # [N]
    images: int,
    classes: int,
    iou_thresholds: NDArray[np.float64],  # [T]
    recall_thresholds: NDArray[np.float64],  # [R]
    area_ranges: NDArray[np.float64],  # [A, 2]
    max_detections: NDArray[np.int64],  # [M]
    precision: NDArray[np.float64],  # out [T, R, K, A, M]
    recall: NDArray[np.float64],  # out [T, K, A, M]
    score_tensor: NDArray[np.float64],  # out [T, R, K, A, M]
) -> None: ...
