"""The TensorRT engine: a plan on an NVIDIA GPU, through PyCUDA on the primary context: torch can live beside it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .availability import availability, engine_device
from .base import EngineIdentity, check_images_shape
from .cuda_device import CudaDevice, cuda_device
from .plan_file import PlanFile, misfit, read_plan
from .tensorrt_family import TensorRT, runtime_member


class TrtEngine:
    """Runs one plan, its side-car beside it, or an `.engine` file of Ultralytics.

    Raises InputError, with the reason, for a plan that does not fit this machine. The driver and the plan's side-car
    are checked before anything of TensorRT exists: its runtime crashes the process where there is no driver.
    """

    def __init__(self, path: Path, device: str = "cuda:0") -> None:
        device = engine_device("trt", device)
        answer = availability("trt", device)
        if not answer.usable:
            raise InputError(f"{path} cannot run on {device} here: {answer.reason}")
        gpu, file = cuda_device(device), read_plan(path)
        trt = runtime_member(file.plan.title if file.plan is not None else None)
        _refuse_misfit(path, file, trt, gpu)
        self._cuda = _primary_context(device)
        self._engine, self._runtime = _deserialize(path, file, trt)
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise InputError(f"{path}: TensorRT could not make an execution context; free some GPU memory.")
        self._stream = self._cuda.Stream()
        self._began, self._ended = self._cuda.Event(), self._cuda.Event()
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        mode = trt.api.TensorIOMode
        (self._input,) = [n for n in names if self._engine.get_tensor_mode(n) == mode.INPUT]
        outputs = [n for n in names if self._engine.get_tensor_mode(n) == mode.OUTPUT]
        self.card = file.card(tuple(self._engine.get_tensor_shape(outputs[0])))
        heads = [head.name for head in self.card.heads]
        # Our outputs have the names of the heads; Ultralytics' one is called output0.
        self._heads = dict(zip(heads, heads if set(heads) <= set(outputs) else outputs, strict=False))
        self._largest = self._largest_batch()
        self._host: dict[str, NDArray[Any]] = {}
        self._device: dict[str, Any] = {}
        for name in (self._input, *self._heads.values()):
            self._allocate(name, trt)
        self.device_seconds: float | None = None  # of the last call, between events around the network alone
        self.identity = EngineIdentity("trt", str(trt), self.card.precision, device, gpu.name)

    def infer(self, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Outputs by head name."""
        check_images_shape(self.card, images)
        batch = len(images)
        if batch > self._largest:
            raise ValueError(f"the plan takes batches of at most {self._largest}, not {batch}")
        if self.card.batch is None:
            self._context.set_input_shape(self._input, images.shape)
        staged = self._host[self._input][:batch]
        np.copyto(staged, images, casting="same_kind")
        self._cuda.memcpy_htod_async(self._device[self._input], staged, self._stream)
        self._began.record(self._stream)
        if not self._context.execute_async_v3(self._stream.handle):
            raise RuntimeError("TensorRT refused to run the plan")
        self._ended.record(self._stream)
        for name in self._heads.values():
            self._cuda.memcpy_dtoh_async(self._host[name][:batch], self._device[name], self._stream)
        self._stream.synchronize()
        self.device_seconds = self._began.time_till(self._ended) * 1e-3
        # Copies: the pinned buffers are written again by the next call.
        return {head: self._host[name][:batch].astype(np.float32) for head, name in self._heads.items()}

    def event_parts(self) -> tuple[Any, Callable[[], Any], Callable[[Any, Any], float]]:
        """The stream that this engine works on, what makes an event, and the milliseconds between two of them."""
        return self._stream, self._cuda.Event, lambda earlier, later: float(earlier.time_till(later))

    def close(self) -> None:
        """Free the device's memory, then the objects in the reverse order of their making."""
        for memory in self._device.values():
            memory.free()
        self._device, self._host = {}, {}
        self._context = self._engine = self._runtime = None

    def _largest_batch(self) -> int:
        if self.card.batch is not None:
            return self.card.batch
        return int(self._engine.get_tensor_profile_shape(self._input, 0)[2][0])

    def _allocate(self, name: str, trt: TensorRT) -> None:
        """Pinned host memory and device memory of a tensor at its largest, its address given to TensorRT."""
        shape = (self._largest, *tuple(self._engine.get_tensor_shape(name))[1:])
        dtype = np.dtype(trt.api.nptype(self._engine.get_tensor_dtype(name)))
        self._host[name] = self._cuda.pagelocked_empty(shape, dtype)
        self._device[name] = self._cuda.mem_alloc(self._host[name].nbytes)
        self._context.set_tensor_address(name, int(self._device[name]))


def _refuse_misfit(path: Path, file: PlanFile, trt: TensorRT, gpu: CudaDevice) -> None:
    if file.plan is None:  # Ultralytics writes neither GPU nor TensorRT version: TensorRT itself will say
        return
    reason = misfit(file.plan, trt.member.title, trt.version, gpu.capability)
    if reason is not None:
        raise InputError(f"{path} does not fit this machine: {reason}; build it here from the ONNX.")


def _primary_context(device: str) -> Any:
    """PyCUDA's driver interface, on the GPU's primary context."""
    os.environ["CUDA_DEVICE"] = device.partition(":")[2]  # autoprimaryctx takes its GPU from here
    import pycuda.autoprimaryctx
    import pycuda.driver

    return pycuda.driver


def _deserialize(path: Path, file: PlanFile, trt: TensorRT) -> tuple[Any, Any]:
    """The engine and the runtime that must outlive it."""
    logger = trt.api.Logger(trt.api.Logger.ERROR)
    runtime = trt.api.Runtime(logger)
    if file.plan is not None:
        if file.plan.flags["version_compatible"]:
            runtime.engine_host_code_allowed = True  # such a plan brings its own runtime code
        if file.plan.flags["dla_core"] is not None:
            runtime.DLA_core = file.plan.flags["dla_core"]
    engine = runtime.deserialize_cuda_engine(file.content)
    if engine is None:
        raise InputError(
            f"{path} does not fit this machine: {trt} refuses it (its messages stand above); build it here from the "
            "ONNX."
        )
    return engine, runtime
