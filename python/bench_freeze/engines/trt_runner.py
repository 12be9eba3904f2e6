"""Runs a TensorRT plan through PyCUDA: memory of its tensors, streams, events and CUDA graphs.

This file has not run on a machine with TensorRT and a GPU yet. There, `pytest -m trt` with REQUIRE_TRT=1 tests it (see
bench/README.md). So far it is only verified that all names of TensorRT that it uses exist in TensorRT 10, 11 and RTX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.letterbox import FILL
from ..errors import InputError
from ..kernels.device_array import DeviceTensor
from .cuda_device import device_index
from .cuda_graph import Recordings
from .image_stage import ImageStage
from .tensorrt_family import TensorRT
from .trt_start import deserialize, primary_context

Arrays = dict[str, NDArray[Any]]
STAGES = ("copy_in", "letterbox", "network", "copy_out")
# One pixel of the letterbox's grey: letterboxed, it fills a whole canvas.
_GREY = np.full((1, 1, 3), FILL, np.uint8)


class TrtRunner:
    """One plan on one GPU. Check the driver first: without one, TensorRT's runtime crashes the process."""

    def __init__(self, name: Path | str, content: bytes, trt: TensorRT, device: str, flags: Mapping[str, Any]) -> None:
        self.cuda = primary_context(device)
        self.device = device_index(device)
        self.api = trt.api
        self.engine, self._runtime = deserialize(name, content, trt, flags)
        names = [self.engine.get_tensor_name(i) for i in range(self.engine.num_io_tensors)]
        mode = self.api.TensorIOMode
        self.inputs = [n for n in names if self.engine.get_tensor_mode(n) == mode.INPUT]
        self.outputs = [n for n in names if self.engine.get_tensor_mode(n) == mode.OUTPUT]
        self._refuse_free_sides(name, names)
        batch = next(iter(self.shape(self.inputs[0])), 1)
        self.is_static = batch >= 0
        self.smallest = self.largest = batch
        if not self.is_static:
            low, _, high = self.engine.get_tensor_profile_shape(self.inputs[0], 0)
            self.smallest, self.largest = int(low[0]), int(high[0])

    def shape(self, tensor: str) -> tuple[int, ...]:
        """The shape of a tensor, with -1 for a free size."""
        return tuple(self.engine.get_tensor_shape(tensor))

    def dtype(self, tensor: str) -> np.dtype[Any]:
        """The element type of a tensor. Raises InputError for a type that NumPy does not have."""
        kind = self.engine.get_tensor_dtype(tensor)
        try:
            known: np.dtype[Any] = np.dtype(self.api.nptype(kind))
        except TypeError:
            raise InputError(
                f"the plan's tensor {tensor} is {kind}, which NumPy does not know; export it with float32 inputs and "
                "outputs."
            ) from None
        return known

    def slot(self) -> Slot:
        """Create a slot with its own memory, stream and context, so that two slots can overlap."""
        return Slot(self)

    def close(self) -> None:
        """Free the plan, after its slots: objects are freed in reverse order of creation."""
        self.engine = None
        self._runtime = None

    def _refuse_free_sides(self, plan: Path | str, names: list[str]) -> None:
        for name in names:
            if -1 in self.shape(name)[1:]:
                raise InputError(
                    f"{plan}: tensor {name} has the shape {list(self.shape(name))}, of which only the batch may be "
                    "free; export it with a fixed image size."
                )


class Slot:
    """One batch in flight: `enqueue` returns at once, `collect` waits. Host memory is pinned, so copies overlap."""

    def __init__(self, runner: TrtRunner) -> None:
        self._runner, self._cuda = runner, runner.cuda
        self.is_static = runner.is_static
        self._context = runner.engine.create_execution_context()
        if self._context is None:
            raise InputError("TensorRT could not make an execution context; free some GPU memory.")
        self.stream = self._cuda.Stream()
        self._events = {stage: self._cuda.Event() for stage in ("begin", *STAGES)}
        self._passed: list[str] = []  # stages of the last batch, in order
        self._is_flying = False
        self._host: Arrays = {}
        self._memory: dict[str, Any] = {}
        self._images = ImageStage(self._cuda, self.stream, runner.device)
        self._recordings = Recordings(self.stream.handle)
        self.batch = runner.largest  # size of the batch in flight, or of the last one
        self._copied: tuple[str, ...] = ()
        try:
            for name in (*runner.inputs, *runner.outputs):
                self._allocate(name)
        except InputError:
            self.close()
            raise

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Seconds of the last batch's stages by the GPU's clock; read it after `collect`.

        "copy_in" begins before the host writes to its pinned memory; "network" includes what follows it on the GPU.
        """
        return {
            stage: self._events[before].time_till(self._events[stage]) * 1e-3
            for before, stage in pairwise(self._passed)
        }

    def tensor(self, name: str) -> DeviceTensor:
        """The memory of a tensor, in the size of the batch in flight."""
        host = self._in_use(name)
        return DeviceTensor(int(self._memory[name]), host.shape, host.dtype, self._runner.device)

    def enqueue(
        self,
        inputs: Mapping[str, NDArray[Any]],
        kind: str = "network",
        after: Callable[[], None] | None = None,
        copied: tuple[str, ...] | None = None,
    ) -> None:
        """Start a batch: copy the inputs in, run the plan and then `after` on the same stream, copy the outputs out.

        If shapes are static, the plan and `after` are one CUDA graph from the second call of a `kind` on. `copied`
        names the outputs that are copied to the host, by default all.
        """
        self._begin(len(next(iter(inputs.values()))) if not self.is_static else self.batch)
        for name, values in inputs.items():
            staged = self._in_use(name)
            if values.shape != staged.shape:
                raise ValueError(f"the plan takes {name} as {list(staged.shape)}, not {list(values.shape)}")
            np.copyto(staged, values, casting="same_kind")
            self._cuda.memcpy_htod_async(self._memory[name], staged, self.stream)
        self._pass("copy_in")
        self._finish(kind, after, copied)

    def enqueue_decoded(
        self,
        name: str,
        images: Sequence[NDArray[np.uint8]],
        batch: int,
        kind: str = "network",
        after: Callable[[], None] | None = None,
        copied: tuple[str, ...] | None = None,
    ) -> None:
        """Like `enqueue`, for decoded images (each [H, W, 3]): they are letterboxed on the GPU into the input `name`.

        If there are fewer images than `batch`, the remaining canvases are grey.
        """
        from .cuda_letterbox import letterbox_cuda

        self._begin(batch)
        placed = self._images.upload([*images, *[_GREY] * (batch - len(images))])
        self._pass("copy_in")
        canvases = self.tensor(name)
        for i, image in enumerate(placed):
            letterbox_cuda(image, canvases[i], stream=self.stream.handle)
        self._pass("letterbox")
        self._finish(kind, after, copied)

    def collect(self) -> Arrays:
        """Wait for the batch in flight and return copies of its outputs: the next batch overwrites pinned memory."""
        self._wait()
        return {name: self._in_use(name).copy() for name in self._copied}

    def pinned(self, size: int) -> NDArray[np.uint8]:
        """Allocate bytes of pinned memory for `copy_out`. Raises InputError if the host cannot pin more memory."""
        try:
            found: NDArray[np.uint8] = self._cuda.pagelocked_empty((max(size, 1),), np.uint8)
        except self._cuda.MemoryError:
            raise InputError(
                f"{size >> 20} MiB of the host's memory cannot be pinned for the GPU's copies; free some memory, or "
                "use a smaller --batch."
            ) from None
        return found[:size]

    def copy_out(self, host: NDArray[np.uint8], address: int) -> None:
        """Enqueue a copy from GPU memory to pinned memory on the stream; `collect` waits for it."""
        self._cuda.memcpy_dtoh_async(host, address, self.stream)

    def close(self) -> None:
        """Free the memory and the context, which must go before the plan."""
        try:
            self._wait()
        finally:  # even after a GPU failure, which every later call reports again
            self._recordings.close()
            self._images.close()
            for memory in self._memory.values():
                memory.free()
            self._memory, self._host = {}, {}
            self._context = None

    def _begin(self, batch: int) -> None:
        """Begin a batch, after waiting for one that was never collected: its memory will be overwritten."""
        self._wait()
        self.batch = batch
        self._passed = []
        self._pass("begin")
        self._is_flying = True

    def _finish(self, kind: str, after: Callable[[], None] | None, copied: tuple[str, ...] | None) -> None:
        if not self.is_static:
            for name in self._runner.inputs:
                shape = self._in_use(name).shape
                if not self._context.set_input_shape(name, shape):
                    raise ValueError(
                        f"the plan does not take {name} as {list(shape)}: its batches are {self._runner.smallest} to "
                        f"{self._runner.largest}"
                    )
        self._work(kind, after)
        self._pass("network")
        self._copied = tuple(self._runner.outputs) if copied is None else copied
        for name in self._copied:
            self._cuda.memcpy_dtoh_async(self._in_use(name), self._memory[name], self.stream)
        self._pass("copy_out")

    def _pass(self, stage: str) -> None:
        self._events[stage].record(self.stream)
        self._passed.append(stage)

    def _wait(self) -> None:
        if self._is_flying:
            self.stream.synchronize()
        self._is_flying = False

    def _in_use(self, name: str) -> NDArray[Any]:
        """The part of a tensor that a batch fills: all of a static one, since its first axis may not be the batch."""
        return self._host[name] if self.is_static else self._host[name][: self.batch]

    def _work(self, kind: str, after: Callable[[], None] | None) -> None:
        def run() -> None:
            if not self._context.execute_async_v3(self.stream.handle):
                raise RuntimeError("TensorRT refused to run the plan")
            if after is not None:
                after()

        if self.is_static:
            self._recordings.run(kind, run, self._refusal_to_record)
        else:
            run()

    def _refusal_to_record(self) -> str:
        """Why the plan must not be recorded. TensorRT for RTX reports a plan that allocates memory while it runs."""
        asked = getattr(self._context, "is_stream_capturable", None)
        can_record = asked is None or asked(self.stream.handle)
        return "" if can_record else "the plan allocates memory while it runs; build it again"

    def _allocate(self, name: str) -> None:
        """Allocate a tensor's memory for the largest batch on host and GPU, and give its address to TensorRT."""
        shape = self._runner.shape(name)
        if not self.is_static:
            shape = (self._runner.largest, *shape[1:])
        dtype = self._runner.dtype(name)
        size = math.prod(shape) * dtype.itemsize
        # As bytes, since pinned arrays need at least one axis and one element.
        self._host[name] = self.pinned(size).view(dtype).reshape(shape)
        try:
            self._memory[name] = self._cuda.mem_alloc(max(size, 1))
        except self._cuda.MemoryError:
            raise InputError(
                f"{size >> 20} MiB for tensor {name} do not fit into the GPU's memory; free some of it, or use a "
                "smaller --batch."
            ) from None
        if not self._context.set_tensor_address(name, int(self._memory[name])):
            raise RuntimeError(f"TensorRT refused the memory of tensor {name}")
