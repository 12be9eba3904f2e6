"""Matching on a GPU: checked calls of the CUDA back end, whose results equal the CPU's to the last bit.

As in cuda.py, only `check()` waits for the GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from ..errors import InputError
from .device_array import (
    DeviceArray,
    DeviceView,
    GpuArray,
    Stream,
    Workspace,
    current_stream,
    empty_like_owner,
    require_cuda,
    to_numpy,
    view_of,
    wait_for_producers,
)
from .ext import native
from .matching import Lattice, MatchRule, TruthIndex

_COLUMNS = {
    "begin": "int64", "label": "int32", "boxes_xywh": "float64", "area": "float64", "is_crowd": "uint8",
    "is_void": "uint8",
}  # fmt: skip
_FAULTS = {
    1: "names an image beyond the ground truth, or counts more rows than it has",
    2: "has a class beyond the ground truth's",
    3: "has scores that do not descend, or NaN",
    4: "occurs twice in this batch: an image's detections are matched together",
}


@dataclass(frozen=True)
class CudaTruth:
    """Ground truth on the GPU, sorted by image and class; rows of both keep the order of the file."""

    images: int
    classes: int
    begin: GpuArray  # [I + 1] int64
    label: GpuArray  # [N] int32
    boxes_xywh: GpuArray  # [N, 4] float64
    area: GpuArray  # [N] float64
    is_crowd: GpuArray  # [N] uint8
    is_void: GpuArray  # [N] uint8

    @classmethod
    def upload(cls, truth: TruthIndex, device: int = 0) -> CudaTruth:
        """Copy a data set's ground truth to a GPU, once for all of its batches."""
        require_cuda()
        truth.native()  # refuses columns of wrong types, and positions that would make kernels read out of bounds
        columns = (getattr(truth, name) for name in _COLUMNS)
        return cls(len(truth.begin) - 1, truth.classes, *(DeviceArray.from_numpy(column, device) for column in columns))

    def columns(self, device: int) -> tuple[DeviceView, ...]:
        """Views of the columns in the order of the fields. Raises InputError for a wrong type, size or GPU."""
        views = {name: view_of(name, getattr(self, name)) for name in _COLUMNS}
        if any(view.device != device for view in views.values()):
            raise InputError(
                f"the ground truth is not on the GPU of the detections, which are on {device}: upload it there"
            )
        rows = (*views["label"].shape, 0)[0]
        shapes = {"begin": (self.images + 1,), "boxes_xywh": (rows, 4)}
        for name, view in views.items():
            _check_view(f"{name} of the ground truth", view, _COLUMNS[name], shapes.get(name, (rows,)), device)
        return tuple(views.values())


@dataclass(frozen=True)
class CudaMatches:
    """Matches of a batch on the GPU, row by row of its detections; one bit per lane, area * thresholds + threshold."""

    true_positive: GpuArray  # [B, D] int64, read as 64 bits
    ignored: GpuArray  # [B, D] int64
    rank: GpuArray  # [B, D] int32, place within image and class; -1 from `count` on
    fault: GpuArray  # [B] int32, 0 for no fault

    def check(self, stream: Stream | None = None) -> None:
        """Wait for the result, and raise InputError if an image could not be matched; such an image has no bits set."""
        faults = to_numpy(self.fault, current_stream(self.fault) if stream is None else stream)
        for image in np.flatnonzero(faults)[:1].tolist():
            raise InputError(f"image {image} of the batch {_FAULTS[int(faults[image])]}: fix the detections")


def match_cuda(
    truth: CudaTruth,
    lattice: Lattice,
    *,
    image: object,
    boxes_xywh: object,
    scores: object,
    labels: object,
    count: object,
    stream: Stream | None = None,
    workspace: Workspace | None = None,
) -> CudaMatches:
    """Match detections of B distinct images, D rows each, on the GPU that holds them; the bits equal the CPU's.

    `image` [B] int32 has the images' positions in the ground truth; `boxes_xywh` [B, D, 4] float64, `scores` [B, D]
    float32, `labels` [B, D] int32 and `count` [B] int32 are as NMS writes them, in the pixels of the image. All are
    contiguous. `lattice` is in host memory and has at most 64 lanes.
    """
    require_cuda()
    views = {
        "image": (view_of("image", image), "int32"),
        "boxes_xywh": (view_of("boxes_xywh", boxes_xywh), "float64"),
        "scores": (view_of("scores", scores), "float32"),
        "labels": (view_of("labels", labels), "int32"),
        "count": (view_of("count", count), "int32"),
    }
    images, rows = (*views["scores"][0].shape, 0, 0)[:2]
    shapes = {"image": (images,), "boxes_xywh": (images, rows, 4), "count": (images,)}
    device = views["scores"][0].device
    for name, (view, dtype) in views.items():
        _check_view(name, view, dtype, shapes.get(name, (images, rows)), device)
    parts = lattice.parts()
    if len(parts) != 1:
        raise InputError(
            f"{len(lattice.iou_thresholds)} IoU thresholds times {len(lattice.area_ranges)} area ranges are matched in "
            f"{len(parts)} parts: match each on its own"
        )
    columns = truth.columns(device)
    begin, label, boxes, area, is_crowd, is_void = (column.address for column in columns)
    call = native.CudaTruth(
        truth.images, truth.classes, columns[1].shape[0], begin, label, boxes, area, is_crowd, is_void
    )
    out = CudaMatches(
        true_positive=empty_like_owner(scores, (images, rows), "int64", device),
        ignored=empty_like_owner(scores, (images, rows), "int64", device),
        rank=empty_like_owner(scores, (images, rows), "int32", device),
        fault=empty_like_owner(scores, (images,), "int32", device),
    )
    memory = workspace or Workspace()
    stream = current_stream(scores) if stream is None else stream
    wait_for_producers([view for view, _ in views.values()], stream)
    call.match(
        images=images,
        rows=rows,
        **{name: view.address for name, (view, _) in views.items()},
        rule=get_args(MatchRule).index(lattice.rule),
        iou_thresholds=np.ascontiguousarray(lattice.iou_thresholds, np.float64),
        area_ranges=np.ascontiguousarray(lattice.area_ranges, np.float64),
        **{name: view_of(name, array).address for name, array in vars(out).items()},
        workspace=memory.address(scores, call.workspace_bytes(), device),
        device=device,
        stream=stream,
    )
    return out


def _check_view(name: str, view: DeviceView, dtype: str, shape: tuple[int, ...], device: int) -> None:
    if view.dtype != np.dtype(dtype) or view.shape != shape or not view.is_contiguous or view.device != device:
        raise InputError(
            f"{name} is {view.dtype} {list(view.shape)} on GPU {view.device}: "
            f"give contiguous {dtype} {list(shape)} on GPU {device}"
        )
