"""What a plan needs before it runs: the GPU's context through PyCUDA, and the plan read by TensorRT.

No machine with TensorRT and a GPU has run this file yet.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from .cuda_device import device_index
from .tensorrt_family import TensorRT


def primary_context(device: str) -> Any:
    """PyCUDA's driver interface, on the GPU's primary context: torch and the CUDA runtime can live beside it.

    Raises InputError for a second GPU: the context is made current once and stays so, until the process ends.
    """
    index = device_index(device)
    os.environ["CUDA_DEVICE"] = str(index)  # autoprimaryctx takes its GPU from here
    import pycuda.autoprimaryctx
    import pycuda.driver

    if pycuda.autoprimaryctx.device != pycuda.driver.Device(index):
        raise InputError(f"device {device}: this process already works on another GPU; use one GPU per process.")
    return pycuda.driver


def deserialize(name: Path | str, content: bytes, trt: TensorRT, flags: Mapping[str, Any]) -> tuple[Any, Any]:
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
