"""Compiled kernels; import `bench_freeze.kernels.ext` instead, which checks its arguments."""

from collections.abc import Sequence

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
    threads: int,
    boxes: NDArray[np.float32],  # out [B, D, 4]
    scores: NDArray[np.float32],  # out [B, D]
    labels: NDArray[np.int32],  # out [B, D]
    count: NDArray[np.int32],  # out [B]
    dropped_candidates: NDArray[np.int64],  # out [B]
    dropped_detections: NDArray[np.int64],  # out [B]
) -> tuple[int, int, int]:
    """Image, row and anchor of the first value that is not finite; image -1 if there is none."""

def letterbox(
    image: NDArray[np.uint8],  # [H, W, 3], rows contiguous
    out: NDArray[np.float32],  # out [3, height, width]
    resized_height: int,
    resized_width: int,
    top: int,
    left: int,
    fill: float,  # 0 .. 1
) -> None: ...

class Truth:
    """Ground truth by image, then class; it keeps its arrays alive."""

    def __init__(
        self,
        classes: int,
        begin: NDArray[np.int64],  # [I + 1]
        label: NDArray[np.int32],  # [G]
        boxes: NDArray[np.float64],  # [G, 4]
        area: NDArray[np.float64],  # [G]
        is_crowd: NDArray[np.uint8],  # [G]
        is_void: NDArray[np.uint8],  # [G]
    ) -> None: ...

class Lattice:
    """IoU thresholds [T], area ranges [A, 2] and the rule, by its number in core/match.h; T x A is at most 64."""

    def __init__(self, rule: int, iou_thresholds: NDArray[np.float64], area_ranges: NDArray[np.float64]) -> None: ...

def order_by_image(
    image: NDArray[np.int32],  # [N]
    begin: NDArray[np.int64],  # out [B + 1]
    order: NDArray[np.int32],  # out [N]
) -> None: ...
def match(
    truth: Truth,
    lattice: Lattice,
    image: NDArray[np.int32],  # [B]
    begin: NDArray[np.int64],  # [B + 1]
    order: NDArray[np.int32],  # [N]
    label: NDArray[np.int32],  # [N]
    boxes: NDArray[np.float64],  # [N, 4]
    scores: NDArray[np.float64],  # [N]
    threads: int,
    out_label: NDArray[np.int32],  # out [N]
    out_scores: NDArray[np.float64],  # out [N]
    out_true_positive: NDArray[np.uint8],  # out [N, bytes]
    out_ignored: NDArray[np.uint8],  # out [N, bytes]
) -> int:
    """The number of IoUs within 1e-6 of a threshold."""

class MatchPart:
    """Matches of some images; it keeps its arrays alive."""

    def __init__(
        self,
        image: NDArray[np.int32],  # [B], positions in the ground truth
        begin: NDArray[np.int64],  # [B + 1]
        label: NDArray[np.int32],  # [N]
        scores: NDArray[np.float64],  # [N]
        true_positive: NDArray[np.uint8],  # [N, bytes]
        ignored: NDArray[np.uint8],  # [N, bytes]
    ) -> None: ...

def accumulate(
    truth: Truth,
    lattice: Lattice,
    parts: Sequence[MatchPart],  # each image is in at most one part
    recall_thresholds: NDArray[np.float64],  # [R]
    max_detections: NDArray[np.int64],  # [M]
    threads: int,
    precision: NDArray[np.float64],  # out [T, R, K, A, M]
    recall: NDArray[np.float64],  # out [T, K, A, M]
    score_tensor: NDArray[np.float64],  # out [T, R, K, A, M]
) -> tuple[int, int]:
    """The numbers of detections that tie with another, and of detections beyond the highest maximum."""

def raw_curves(
    truth: Truth,
    lane: int,
    begin: NDArray[np.int64],  # [I + 1]
    label: NDArray[np.int32],  # [N]
    scores: NDArray[np.float64],  # [N]
    true_positive: NDArray[np.uint8],  # [N, bytes]
    ignored: NDArray[np.uint8],  # [N, bytes]
    class_begin: NDArray[np.int64],  # out [K + 1]
    false_positives: NDArray[np.int32],  # out [N]
    false_positives_tied: NDArray[np.int32],  # out [N]
    curve_scores: NDArray[np.float64],  # out [N]
) -> None: ...
def bootstrap(
    truth: Truth,
    lattice: Lattice,
    begin: NDArray[np.int64],  # [I + 1]
    label: NDArray[np.int32],  # [N]
    scores: NDArray[np.float64],  # [N]
    true_positive: NDArray[np.uint8],  # [N, bytes]
    ignored: NDArray[np.uint8],  # [N, bytes]
    recall_thresholds: NDArray[np.float64],  # [R]
    max_detections: int,
    seed: int,
    weights: NDArray[np.int32],  # [B, I], or [0, I]: drawn
    threads: int,
    ap: NDArray[np.float64],  # out [B, K, T]
) -> None: ...
def read_results(
    text: bytes, threads: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]] | None:
    """image_id [N], category_id [N] int64, boxes [4 N], scores [N] float64; None for any other form of text."""

def read_results_file(
    file: int, size: int, threads: int, piece: int = ...
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]] | None:
    """The same for a file's first `size` bytes, by its descriptor; each thread reads about `piece` bytes at a time."""

def read_annotations(
    text: bytes,
) -> (
    tuple[
        tuple[
            NDArray[np.int64],
            NDArray[np.int64],
            NDArray[np.int64],
            NDArray[np.float64],
            NDArray[np.float64],
            NDArray[np.uint8],
        ],
        int,
        int,
    ]
    | None
):
    """(id, image_id, category_id int64, boxes [4 N], area float64, is_crowd uint8), and the place of their list."""

def positions_of(
    known: NDArray[np.int64],  # [K], ascending
    ids: NDArray[np.int64],  # [N]
    position: NDArray[np.int32],  # out [N], -1 for an id that is not known
) -> int:
    """The number of ids that are not known; raises ValueError if `known` does not ascend."""

def sound_rows(
    boxes: NDArray[np.float64],  # [N, 4] left, top, width, height
    values: NDArray[np.float64],  # [N]
    is_sound: NDArray[np.bool_],  # out [N], all of it finite, and neither size negative
) -> int:
    """The number of rows that are not sound."""

# The CUDA back end. Addresses point to device memory, strides count elements, a stream is the address of a
# cudaStream_t. Without nvcc at build time, all but cuda_unavailable_reason and CudaNms itself raise RuntimeError.

def cuda_unavailable_reason() -> str: ...
def cuda_describe_dlpack(array: object) -> tuple[int, list[int], list[int], str, int]:
    """Address, shape, strides, type such as "f4", device."""

def cuda_wait_for(before: int, device: int, stream: int) -> None: ...
def cuda_device_of(address: int) -> int: ...
def cuda_allocate(device: int, bytes: int) -> int: ...
def cuda_free(device: int, address: int) -> None: ...
def cuda_copy_to_host(address: int, out: NDArray[np.uint8], device: int, stream: int) -> None: ...
def cuda_copy_to_device(from_: NDArray[np.uint8], address: int, device: int, stream: int) -> None: ...
def cuda_letterbox(
    image: int,  # [H, W, 3] uint8
    image_hw: tuple[int, int],
    row_stride: int,  # bytes
    out: int,  # out [3, height, width] float32
    canvas_hw: tuple[int, int],
    resized_hw: tuple[int, int],
    top_left: tuple[int, int],
    fill: float,
    device: int,
    stream: int,
) -> None: ...

class CudaNms:
    def __init__(
        self,
        score_threshold: float,
        iou_threshold: float,
        max_detections: int,
        max_candidates: int,
        multi_label: bool,
        class_agnostic: bool,
        is_cxcywh: bool,
    ) -> None: ...
    def workspace_bytes(self, shape: tuple[int, int, int]) -> int: ...
    def run(
        self,
        predictions: int,  # [B, 4 + C, A] float32 or float16
        is_half: bool,
        shape: tuple[int, int, int],
        strides: tuple[int, int],  # of images and rows
        boxes_xyxy: int,  # out [B, D, 4] float32
        scores: int,  # out [B, D] float32
        labels: int,  # out [B, D] int32
        count: int,  # out [B] int32
        dropped_candidates: int,  # out [B] int64
        dropped_detections: int,  # out [B] int64
        fault: int,  # out [B, 3] int64
        workspace: int,
        device: int,
        stream: int,
    ) -> None: ...

class CudaTruth:
    def __init__(
        self,
        images: int,
        classes: int,
        rows: int,
        begin: int,  # [I + 1] int64
        label: int,  # [N] int32
        boxes: int,  # [N, 4] float64
        area: int,  # [N] float64
        is_crowd: int,  # [N] uint8
        is_void: int,  # [N] uint8
    ) -> None: ...
    def workspace_bytes(self) -> int: ...
    def match(
        self,
        images: int,
        rows: int,
        image: int,  # [B] int32
        boxes_xywh: int,  # [B, D, 4] float64
        scores: int,  # [B, D] float32
        labels: int,  # [B, D] int32
        count: int,  # [B] int32
        rule: int,
        iou_thresholds: NDArray[np.float64],  # [T], on the host
        area_ranges: NDArray[np.float64],  # [A, 2], on the host
        true_positive: int,  # out [B, D] uint64
        ignored: int,  # out [B, D] uint64
        rank: int,  # out [B, D] int32
        fault: int,  # out [B] int32
        workspace: int,
        device: int,
        stream: int,
    ) -> None: ...
