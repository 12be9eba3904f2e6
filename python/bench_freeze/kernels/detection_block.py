"""The detections of several heads in one block of GPU memory, so that a single copy brings them to the host."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .cuda import CudaDetections, detection_fields, refuse_faults
from .device_array import DeviceArray, DeviceTensor
from .ext import Detections

_ALIGNMENT = 256  # bytes, for every array, as in CUDA's own allocations


class DetectionBlock:
    """Memory for the detections of some heads on a batch of `images`, at most `rows` per image.

    `on_device` is the `out` of `nms_cuda`. Once the block is copied to the host, `read` decodes its bytes.
    """

    def __init__(self, heads: Iterable[str], images: int, rows: int, device: int) -> None:
        self._fields = detection_fields(images, rows)
        self._offsets: dict[tuple[str, str], int] = {}
        self.nbytes = 0
        for head in heads:
            for name, (shape, dtype) in self._fields.items():
                self._offsets[head, name] = self.nbytes
                size = math.prod(shape) * np.dtype(dtype).itemsize
                self.nbytes += -(-size // _ALIGNMENT) * _ALIGNMENT
        self.memory = DeviceArray((self.nbytes,), np.uint8, device)
        self.on_device = {head: self._detections_at(head) for head in dict.fromkeys(head for head, _ in self._offsets)}

    def read(self, copied: NDArray[np.uint8]) -> dict[str, Detections]:
        """Detections by head, copied from the block's bytes on the host.

        Raises InputError if an output of a head is not finite.
        """
        found = {}
        for head in self.on_device:
            arrays = {}
            for name, (shape, dtype) in self._fields.items():
                offset = self._offsets[head, name]
                size = math.prod(shape) * np.dtype(dtype).itemsize
                arrays[name] = copied[offset : offset + size].view(dtype).reshape(shape).copy()
            refuse_faults(arrays.pop("fault"))
            found[head] = Detections(**arrays)
        return found

    def _detections_at(self, head: str) -> CudaDetections:
        return CudaDetections(
            **{
                name: DeviceTensor(
                    self.memory.address + self._offsets[head, name], shape, np.dtype(dtype), self.memory.device
                )
                for name, (shape, dtype) in self._fields.items()
            }
        )
