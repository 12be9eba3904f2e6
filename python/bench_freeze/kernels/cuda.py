"""Suppression on a GPU: checked calls of the CUDA back end, whose results equal the CPU's to the last bit.

Only `check()` waits for the GPU: work is enqueued on the caller's stream and results have fixed shapes. All of it can
be captured in a CUDA graph once its memory exists (torch inputs, or a Workspace that was used before).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .device_array import (
    DeviceView,
    GpuArray,
    Stream,
    Workspace,
    current_stream,
    empty_like_owner,
    is_torch,
    require_cuda,
    to_numpy,
    view_of,
    wait_for_producers,
)
from .ext import native
from .nms_options import DEFAULTS, NmsOptions


@dataclass(frozen=True)
class CudaDetections:
    """The result of NMS on the GPU: D = max_detections rows for each of B images, best first, zero from `count` on."""

    boxes_xyxy: GpuArray  # [B, D, 4] float32
    scores: GpuArray  # [B, D] float32
    labels: GpuArray  # [B, D] int32
    count: GpuArray  # [B] int32
    dropped_candidates: GpuArray  # [B] int64
    dropped_detections: GpuArray  # [B] int64
    fault: GpuArray  # [B, 3] int64: image (-1 for none), row and anchor of the first value that is not finite

    def check(self, stream: Stream | None = None) -> None:
        """Wait for the result, and raise InputError if a score or a candidate's box was NaN or infinite.

        An image with such a value has no detections, and only this call reports it.
        """
        refuse_faults(to_numpy(self.fault, current_stream(self.fault) if stream is None else stream))


def refuse_faults(faults: NDArray[np.int64]) -> None:
    """Raise InputError for the first image in `fault` [B, 3] with an output that is not finite."""
    for image, row, anchor in faults[faults[:, 0] >= 0].tolist():
        what = f"box value {row}" if row < 4 else f"the score of class {row - 4}"
        raise InputError(
            f"{what} of image {image}, anchor {anchor} is NaN, infinite or too large: "
            "check the exported model (float16 overflows above 65504)"
        )


def detection_fields(images: int, rows: int) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and type of every array of CudaDetections, for a batch of `images` with at most `rows` detections each."""
    return {
        "boxes_xyxy": ((images, rows, 4), "float32"),
        "scores": ((images, rows), "float32"),
        "labels": ((images, rows), "int32"),
        "count": ((images,), "int32"),
        "dropped_candidates": ((images,), "int64"),
        "dropped_detections": ((images,), "int64"),
        "fault": ((images, 3), "int64"),
    }


def nms_cuda(
    predictions: object,
    options: NmsOptions = DEFAULTS,
    *,
    stream: Stream | None = None,
    workspace: Workspace | None = None,
    out: CudaDetections | None = None,
) -> CudaDetections:
    """`ext.nms` on the GPU that holds `predictions` [B, 4 + C, A], float32 or float16, with the same result.

    `predictions` is a torch CUDA tensor, or anything with `__cuda_array_interface__` or DLPack; its last axis is
    contiguous (a torch tensor is copied if it is not). Results are torch tensors for a torch tensor, else DeviceArray.
    If `out` is given, with the shapes of `detection_fields`, results are written there. Work is enqueued on
    `stream`: by default torch's current stream for a torch tensor, else the default stream. The memory of a torch input
    belongs to torch's current stream, so the caller must synchronise any other with it.

    Raises RuntimeError if this build or machine has no CUDA. Values that are not finite are only detected on the
    device: call `check()`.
    """
    require_cuda()
    head, view = _head(predictions)
    call = native.CudaNms(
        options.score_threshold,
        options.iou_threshold,
        options.max_detections,
        options.max_candidates,
        options.multi_label,
        options.class_agnostic,
        options.box_format == "cxcywh",
    )
    shape = (view.shape[0], view.shape[1], view.shape[2])
    try:
        size = call.workspace_bytes(shape)
    except ValueError as error:
        raise InputError(f"predictions are {view.dtype} {list(shape)}: {error}") from error
    images = shape[0]
    fields = detection_fields(images, options.max_detections)
    if out is None:
        out = CudaDetections(
            **{name: empty_like_owner(head, *field, view.device) for name, field in fields.items()},
        )
    places = {name: view_of(name, getattr(out, name)) for name in fields}
    for name, (expected, dtype) in fields.items():
        place = places[name]
        if (place.shape, place.dtype, place.device) != (expected, np.dtype(dtype), view.device):
            raise InputError(
                f"{name} of `out` is {place.dtype} {list(place.shape)} on GPU {place.device}: give {dtype} "
                f"{list(expected)} on GPU {view.device}"
            )
    memory = workspace or Workspace()
    stream = current_stream(head) if stream is None else stream
    wait_for_producers([view, *places.values()], stream)
    call.run(
        predictions=view.address,
        is_half=view.dtype == np.float16,
        shape=shape,
        strides=(view.strides[0], view.strides[1]),
        **{name: place.address for name, place in places.items()},
        workspace=memory.address(head, size, view.device),
        device=view.device,
        stream=stream,
    )
    return out


def _head(predictions: object) -> tuple[object, DeviceView]:
    view = view_of("predictions", predictions)
    described = f"predictions are {view.dtype} {list(view.shape)}"
    if view.dtype not in (np.float32, np.float16) or len(view.shape) != 3 or view.shape[1] < 5:
        raise InputError(
            f"{described}: give float32 or float16 [images, 4 + classes, anchors] "
            "(transpose a head that ends in the class scores)"
        )
    if view.strides[2] != 1 and view.shape[2] > 1:
        if not is_torch(predictions):
            raise InputError(f"{described}, and its last axis is not contiguous: copy it into a plain array")
        predictions = predictions.contiguous()
        view = view_of("predictions", predictions)
    return predictions, view
