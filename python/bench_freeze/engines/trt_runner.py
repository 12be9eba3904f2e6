"""A TensorRT plan at work: its tensors' memory, streams, events and CUDA graphs, through PyCUDA.

No machine with TensorRT and a GPU has run this file yet: `pytest -m trt` with REQUIRE_TRT=1 does, see bench/README.md.
What is verified is that every name of TensorRT that it uses exists in the bindings of 10, 11 and RTX.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .cuda_graph import CudaGraph
from .tensorrt_family import TensorRT

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class DeviceTensor:
    """A tensor in the GPU's memory, as kernels of other libraries read it."""

    address: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.address, False),
            "version": 3,
            "strides": None,
        }


class TrtRunner:
    """One plan on one GPU. The driver was asked before: TensorRT's runtime crashes the process where there is none."""

    def __init__(self, name: Path | str, content: bytes, trt: TensorRT, device: str, flags: Mapping[str, Any]) -> None:
        self.cuda = _primary_context(device)
        self.api = trt.api
        self.engine, self._runtime = _deserialize(name, content, trt, flags)
        names = [self.engine.get_tensor_name(i) for i in range(self.engine.num_io_tensors)]
        mode = self.api.TensorIOMode
        self.inputs = [n for n in names if self.engine.get_tensor_mode(n) == mode.INPUT]
        self.outputs = [n for n in names if self.engine.get_tensor_mode(n) == mode.OUTPUT]
        batch = self.shape(self.inputs[0])[0]
        self.largest = batch if batch > 0 else int(self.engine.get_tensor_profile_shape(self.inputs[0], 0)[2][0])
        self.is_static = batch > 0

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Shape of a tensor, -1 where it is free."""
        return tuple(self.engine.get_tensor_shape(tensor))

    def slot(self) -> Slot:
        """A place to run: memory, a stream and a context of its own, so that two of them overlap."""
        return Slot(self)

    def close(self) -> None:
        """Free the plan, after its slots: the objects go in the reverse order of their making."""
        self.engine = None
        self._runtime = None


class Slot:
    """One batch in flight: `enqueue` returns at once, `collect` waits. Host memory is pinned: copies overlap."""

    def __init__(self, runner: TrtRunner) -> None:
        self._runner, self._cuda = runner, runner.cuda
        self.is_static = runner.is_static
        self._context = runner.engine.create_execution_context()
        if self._context is None:
            raise InputError("TensorRT could not make an execution context; free some GPU memory.")
        self.stream = self._cuda.Stream()
        self.events = tuple(self._cuda.Event() for _ in range(4))  # before and after each of: copy in, work, copy out
        self._host: Arrays = {}
        self._memory: dict[str, Any] = {}
        self._graphs: dict[str, CudaGraph] = {}
        self._warm: set[str] = set()
        self._batch = runner.largest
        self._copied: tuple[str, ...] = ()
        for name in (*runner.inputs, *runner.outputs):
            self._allocate(name)

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Seconds of the last batch by the GPU's own clock; asked after `collect`."""
        names = ("copy_in", "network", "copy_out")
        pairs = zip(self.events, self.events[1:], strict=False)
        return {name: a.time_till(b) * 1e-3 for name, (a, b) in zip(names, pairs, strict=True)}

    def tensor(self, name: str) -> DeviceTensor:
        """The memory of a tensor at the batch in flight."""
        host = self._host[name]
        return DeviceTensor(int(self._memory[name]), (self._batch, *host.shape[1:]), host.dtype)

    def enqueue(
        self,
        inputs: Mapping[str, NDArray[Any]],
        kind: str = "network",
        after: Callable[[], None] | None = None,
        copied: tuple[str, ...] | None = None,
    ) -> None:
        """Start a batch: copy in, run the plan and `after` behind it on the same stream, copy the outputs out.

        With static shapes plan and `after` are one CUDA graph from the second call of a `kind` on. `copied` names the
        outputs that come to the host, all by default.
        """
        self._batch = len(next(iter(inputs.values())))
        copied_in, worked, copied_out, done = self.events
        copied_in.record(self.stream)
        for name, values in inputs.items():
            staged = self._host[name][: self._batch]
            np.copyto(staged, values, casting="same_kind")
            self._cuda.memcpy_htod_async(self._memory[name], staged, self.stream)
            if not self.is_static:
                self._context.set_input_shape(name, values.shape)
        worked.record(self.stream)
        self._work(kind, after)
        copied_out.record(self.stream)
        self._copied = tuple(self._runner.outputs) if copied is None else copied
        for name in self._copied:
            self._cuda.memcpy_dtoh_async(self._host[name][: self._batch], self._memory[name], self.stream)
        done.record(self.stream)

    def collect(self) -> Arrays:
        """Wait for the batch in flight; copies of what was asked for: the next batch writes over the pinned memory."""
        self.stream.synchronize()
        return {name: self._host[name][: self._batch].copy() for name in self._copied}

    def close(self) -> None:
        """Free the memory; the context goes before the plan."""
        for graph in self._graphs.values():
            graph.close()
        for memory in self._memory.values():
            memory.free()
        self._graphs, self._memory, self._host = {}, {}, {}
        self._context = None

    def _work(self, kind: str, after: Callable[[], None] | None) -> None:
        def run() -> None:
            if not self._context.execute_async_v3(self.stream.handle):
                raise RuntimeError("TensorRT refused to run the plan")
            if after is not None:
                after()

        if kind in self._graphs:
            self._graphs[kind].launch()
        elif self.is_static and kind in self._warm:
            self._graphs[kind] = CudaGraph(self.stream.handle, run)  # recorded, not run
            self._graphs[kind].launch()
        else:
            run()
            self._warm.add(kind)

    def _allocate(self, name: str) -> None:
        """Memory of a tensor at its largest on both sides, its address given to TensorRT."""
        shape = self._runner.shape(name)
        if not self.is_static:
            shape = (self._runner.largest, *shape[1:])
        dtype = np.dtype(self._runner.api.nptype(self._runner.engine.get_tensor_dtype(name)))
        self._host[name] = self._cuda.pagelocked_empty(shape, dtype)
        self._memory[name] = self._cuda.mem_alloc(max(self._host[name].nbytes, 1))
        self._context.set_tensor_address(name, int(self._memory[name]))


def _primary_context(device: str) -> Any:
    """PyCUDA's driver interface, on the GPU's primary context: torch and the CUDA runtime can live beside it."""
    os.environ["CUDA_DEVICE"] = device.partition(":")[2]  # autoprimaryctx takes its GPU from here
    import pycuda.autoprimaryctx
    import pycuda.driver

    return pycuda.driver


def _deserialize(name: Path | str, content: bytes, trt: TensorRT, flags: Mapping[str, Any]) -> tuple[Any, Any]:
    """The engine and the runtime that must outlive it."""
    logger = trt.api.Logger(trt.api.Logger.ERROR)
    runtime = trt.api.Runtime(logger)
    if flags.get("version_compatible"):
        runtime.engine_host_code_allowed = True  # such a plan brings its own runtime code
    if flags.get("dla_core") is not None:
        runtime.DLA_core = flags["dla_core"]
    engine = runtime.deserialize_cuda_engine(content)
    if engine is None:
        raise InputError(
            f"{name} does not fit this machine: {trt} refuses it (its messages stand above); build it here from the "
            "ONNX."
        )
    return engine, runtime
