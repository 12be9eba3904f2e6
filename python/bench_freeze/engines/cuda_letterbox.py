"""Letterbox on a GPU: the image is already there, and the canvas is the engine's input.

On the host, the kernel's test doubles equal the CPU's letterbox bit for bit (tests/csrc); it has not run on a GPU yet.
"""

from __future__ import annotations

import numpy as np

from ..data.letterbox import FILL, Letterbox
from ..errors import InputError
from ..kernels.device_array import Stream, current_stream, require_cuda, view_of, wait_for_producers
from ..kernels.ext import native


def letterbox_cuda(image: object, canvas: object, *, stream: Stream | None = None) -> Letterbox:
    """`data.letterbox.letterbox_into` on the GPU: place an RGB image [H, W, 3] uint8 on `canvas` [3, S, S] float32.

    Both must be on the same GPU: torch tensors, or anything with `__cuda_array_interface__` or DLPack. The image's rows
    may have padding between them. The canvas must be contiguous and is overwritten completely. The work is put on
    `stream`, by default the current stream of the image's library, and can be captured in a CUDA graph. Raises
    InputError for other arrays, RuntimeError if there is no CUDA. Returns the placement.
    """
    require_cuda()
    source, target = view_of("image", image), view_of("canvas", canvas)
    if source.dtype != np.uint8 or len(source.shape) != 3 or source.shape[2] != 3 or 0 in source.shape:
        raise InputError(f"image is {source.dtype} {list(source.shape)}: give uint8 [height, width, 3] in RGB order")
    if source.strides[1:] != (3, 1) or source.strides[0] < 3 * source.shape[1]:
        raise InputError(f"image has strides {source.strides}: its pixels must lie side by side within a row")
    if target.dtype != np.float32 or len(target.shape) != 3 or target.shape != (3, target.shape[1], target.shape[1]):
        raise InputError(f"canvas is {target.dtype} {list(target.shape)}: give float32 [3, size, size]")
    if not target.is_contiguous:
        raise InputError("canvas is not contiguous: give one image of a batch, such as batch[i]")
    if source.device != target.device:
        raise InputError(f"image is on GPU {source.device} and canvas on GPU {target.device}: give both on one")
    height, width = source.shape[:2]
    placement = Letterbox.fit(width, height, target.shape[1])
    stream = current_stream(image) if stream is None else stream
    wait_for_producers([source, target], stream)
    native.cuda_letterbox(
        image=source.address,
        image_hw=(height, width),
        row_stride=source.strides[0],
        out=target.address,
        canvas_hw=(target.shape[1], target.shape[2]),
        resized_hw=(placement.resized_height, placement.resized_width),
        top_left=(placement.top, placement.left),
        fill=float(np.float32(FILL) / np.float32(255)),
        device=target.device,
        stream=stream,
    )
    return placement
