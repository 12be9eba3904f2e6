"""The upload of decoded images to a GPU: one byte per channel, through pinned memory, on one stream.

This file has not run on a GPU yet. The code around PyCUDA's calls is tested on host memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..kernels.device_array import DeviceTensor

_ALIGNMENT = 256  # bytes, so that every image begins at a whole memory transaction
_STEP = 1 << 20  # bytes; memory grows in whole steps


class ImageStage:
    """Host and GPU memory for the images of one batch, as large as the largest batch so far.

    The caller must wait for a batch before it uploads the next, which overwrites both memories.
    """

    def __init__(self, cuda: Any, stream: Any, device: int) -> None:
        self._cuda, self._stream, self._device = cuda, stream, device
        self._host = np.zeros(0, np.uint8)
        self._memory: Any = None

    def upload(self, images: Sequence[NDArray[np.uint8]]) -> list[DeviceTensor]:
        """Enqueue copies of `images` (each [H, W, 3], of any size) on the stream. Returns their places on the GPU."""
        offsets, size = layout(images)
        self._hold(size)
        placed = []
        for image, offset in zip(images, offsets, strict=True):
            staged = self._host[offset : offset + image.nbytes]
            np.copyto(staged.reshape(image.shape), image)
            address = int(self._memory) + offset
            # Each copy starts at once, while the next image is copied into pinned memory.
            self._cuda.memcpy_htod_async(address, staged, self._stream)
            placed.append(DeviceTensor(address, image.shape, image.dtype, self._device))
        return placed

    def close(self) -> None:
        """Free the memory; no copy may be in flight."""
        self._host = np.zeros(0, np.uint8)
        if self._memory is not None:
            self._memory.free()
            self._memory = None

    def _hold(self, size: int) -> None:
        if size <= len(self._host):
            return
        self.close()  # first: old and new memory might not fit together
        size = -(-size // _STEP) * _STEP
        try:
            self._host = self._cuda.pagelocked_empty((size,), np.uint8)
            self._memory = self._cuda.mem_alloc(size)
        except self._cuda.MemoryError:  # PyCUDA's own class, not derived from Python's
            self.close()
            raise InputError(
                f"{size >> 20} MiB for a batch of decoded images do not fit into the GPU's memory or the host's pinned "
                "memory; use a smaller --batch, or smaller images."
            ) from None


def layout(images: Sequence[NDArray[np.uint8]]) -> tuple[list[int], int]:
    """The offset of each image and the total size, in bytes. Raises ValueError for an array that is not RGB uint8."""
    offsets, end = [], 0
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ValueError(f"a decoded image is uint8 [height, width, 3], not {image.dtype} {list(image.shape)}")
        offsets.append(end)
        end += -(-image.nbytes // _ALIGNMENT) * _ALIGNMENT
    return offsets, end
