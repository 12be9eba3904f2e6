"""A GPU that is not there: the compiled CUDA entry points on host memory, so that what Python does around them is run.

The kernels' own doubles are in tests/csrc; here the CPU back end answers in their place.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench_freeze.kernels import ext
from bench_freeze.kernels.nms_options import NmsOptions


def host_array(address: int, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """The memory at `address` as an array, for reading and writing."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = (ctypes.c_uint8 * size).from_address(address)
    return np.frombuffer(buffer, dtype).reshape(shape)


class HostStreams:
    """Work that was put on a stream and has not been waited for: what is written over too early is read wrongly."""

    def __init__(self) -> None:
        self.waiting: dict[int, list[Callable[[], None]]] = {}

    def put(self, stream: int, work: Callable[[], None]) -> None:
        """Work on the default stream is done at once."""
        if stream:
            self.waiting[stream].append(work)
        else:
            work()

    def wait(self, stream: int) -> None:
        while self.waiting.get(stream):
            self.waiting[stream].pop(0)()


class HostNms:
    streams = HostStreams()

    def __init__(self, *settings: Any) -> None:
        names = (
            "score_threshold",
            "iou_threshold",
            "max_detections",
            "max_candidates",
            "multi_label",
            "class_agnostic",
        )
        self.options = dict(zip(names, settings[:6], strict=True))
        self.options["box_format"] = "cxcywh" if settings[6] else "xyxy"

    def workspace_bytes(self, shape: tuple[int, int, int]) -> int:
        return 64 * shape[0]

    def run(
        self,
        *,
        predictions: int,
        is_half: bool,
        shape: tuple[int, int, int],
        strides: tuple[int, int],
        fault: int,
        workspace: int,
        device: int,
        stream: int,
        **out: int,
    ) -> None:
        assert device == 0
        self.streams.put(stream, lambda: self._suppress(predictions, is_half, shape, strides, fault, workspace, out))

    def _suppress(
        self,
        predictions: int,
        is_half: bool,
        shape: tuple[int, int, int],
        strides: tuple[int, int],
        fault: int,
        workspace: int,
        out: dict[str, int],
    ) -> None:
        dtype = np.dtype(np.float16 if is_half else np.float32)
        size = (shape[0] - 1) * strides[0] + (shape[1] - 1) * strides[1] + shape[2] if 0 not in shape else 0
        memory = host_array(predictions, (size,), dtype)
        byte_strides = (strides[0] * dtype.itemsize, strides[1] * dtype.itemsize, dtype.itemsize)
        head = np.lib.stride_tricks.as_strided(memory, shape, byte_strides)
        host_array(workspace, (64 * shape[0],), np.uint8)[:] = 0xA5
        host_array(fault, (shape[0], 3), np.int64)[:] = (-1, 0, 0)
        found = ext.nms(head, NmsOptions(**self.options))
        for name, address in out.items():
            expected = getattr(found, name)
            host_array(address, expected.shape, expected.dtype)[...] = expected


class HostDouble:
    """Stands in for the compiled module where cuda.py and device_array.py look for it."""

    def __init__(self) -> None:
        self.memory: dict[int, Any] = {}
        self.freed = 0
        self.streams = HostStreams()
        self.CudaNms = type("CudaNms", (HostNms,), {"streams": self.streams})

    def cuda_unavailable_reason(self) -> str:
        return ""

    def cuda_wait_for(self, before: int, device: int, stream: int) -> None:
        self.streams.put(stream, lambda: self.streams.wait(before))

    def cuda_device_of(self, address: int) -> int:
        return 0

    def cuda_allocate(self, device: int, bytes: int) -> int:
        memory = (ctypes.c_uint8 * max(bytes, 1))()
        self.memory[ctypes.addressof(memory)] = memory
        return ctypes.addressof(memory)

    def cuda_free(self, device: int, address: int) -> None:
        del self.memory[address]
        self.freed += 1

    def cuda_letterbox(
        self,
        *,
        image: int,
        image_hw: tuple[int, int],
        row_stride: int,
        out: int,
        canvas_hw: tuple[int, int],
        resized_hw: tuple[int, int],
        top_left: tuple[int, int],
        fill: float,
        device: int,
        stream: int,
    ) -> None:
        assert device == 0
        height, width = image_hw

        def place() -> None:
            memory = host_array(image, ((height - 1) * row_stride + 3 * width,), np.uint8)
            pixels = np.lib.stride_tricks.as_strided(memory, (height, width, 3), (row_stride, 3, 1))
            canvas = host_array(out, (3, *canvas_hw), np.float32)
            ext.letterbox(pixels, canvas, resized_hw=resized_hw, top_left=top_left, fill=round(fill * 255))

        self.streams.put(stream, place)

    def cuda_copy_to_host(self, address: int, out: NDArray[np.uint8], device: int, stream: int) -> None:
        self.streams.wait(stream)
        ctypes.memmove(out.ctypes.data, address, out.nbytes)

    def cuda_copy_to_device(self, from_: NDArray[np.uint8], address: int, device: int, stream: int) -> None:
        ctypes.memmove(address, from_.ctypes.data, from_.nbytes)


class HostDriver:
    """PyCUDA's memory, streams and events on host memory, with `double`'s streams. Copies happen when they are due.

    Its errors are a family of their own, as PyCUDA's are: pycuda.driver.MemoryError is no builtin MemoryError.
    """

    class Error(Exception):
        """pycuda.driver.Error."""

    class MemoryError(Error):
        """pycuda.driver.MemoryError."""

    def __init__(self, double: HostDouble) -> None:
        self.double = double
        self.moments = 0.0
        self.live: dict[int, int] = {}  # address and bytes of what was allocated and not given back
        self.limit = 1 << 40  # bytes that one allocation may have
        self.pinned_limit = 1 << 40

    def Stream(self) -> HostStream:
        return HostStream(self.double.streams)

    def Event(self) -> HostEvent:
        return HostEvent(self)

    def pagelocked_empty(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        if np.prod(shape) * np.dtype(dtype).itemsize > self.pinned_limit:
            raise self.MemoryError("cuMemHostAlloc failed: out of memory")
        return np.full(shape, 0xEE, dtype)

    def mem_alloc(self, size: int) -> HostAllocation:
        if size > self.limit:
            raise self.MemoryError("cuMemAlloc failed: out of memory")
        return HostAllocation(self, size)

    def memcpy_htod_async(self, to: Any, values: NDArray[Any], stream: HostStream) -> None:
        address = int(to)

        def copy() -> None:
            self._assert_live(address, values.nbytes)
            ctypes.memmove(address, values.ctypes.data, values.nbytes)

        stream.put(copy)

    def memcpy_dtoh_async(self, values: NDArray[Any], source: Any, stream: HostStream) -> None:
        address = int(source)
        stream.put(lambda: ctypes.memmove(values.ctypes.data, address, values.nbytes))

    @property
    def allocated(self) -> int:
        return len(self.live)

    def _assert_live(self, address: int, size: int) -> None:
        inside = [begin <= address and address + size <= begin + held for begin, held in self.live.items()]
        assert any(inside), "a copy into memory that was given back before the copy was due"


class HostStream:
    def __init__(self, streams: HostStreams) -> None:
        self._streams = streams
        self.handle = len(streams.waiting) + 1
        streams.waiting[self.handle] = []

    def put(self, work: Callable[[], None]) -> None:
        self._streams.put(self.handle, work)

    def synchronize(self) -> None:
        self._streams.wait(self.handle)


class HostEvent:
    def __init__(self, driver: HostDriver) -> None:
        self._driver, self._moment = driver, 0.0

    def record(self, stream: HostStream) -> None:
        def pass_by() -> None:
            self._driver.moments += 1
            self._moment = self._driver.moments

        stream.put(pass_by)

    def time_till(self, later: HostEvent) -> float:
        return later._moment - self._moment


class HostAllocation:
    def __init__(self, driver: HostDriver, size: int) -> None:
        self._driver = driver
        self._memory = (ctypes.c_uint8 * size)()
        driver.live[int(self)] = size

    def __int__(self) -> int:
        return ctypes.addressof(self._memory)

    def free(self) -> None:
        del self._driver.live[int(self)]


class HostGraph:
    """A recording: the same work on the same addresses, put on the stream again by every launch."""

    def __init__(self, streams: HostStreams, stream: int, enqueue: Callable[[], None]) -> None:
        self._streams, self._stream = streams, stream
        before = list(streams.waiting[stream])
        streams.waiting[stream].clear()
        enqueue()
        self._work = list(streams.waiting[stream])
        streams.waiting[stream][:] = before

    def launch(self) -> None:
        self._streams.waiting[self._stream].extend(self._work)

    def close(self) -> None:
        self._work = []
