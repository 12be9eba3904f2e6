"""Prepares a plan to run: the GPU's context through PyCUDA, and deserialization by TensorRT.

This file has not run on a machine with TensorRT and a GPU yet.
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
    """PyCUDA's driver interface on the GPU's primary context, which torch and the CUDA runtime can share.

    Raises InputError for a second GPU, because the context stays current until the process ends.
    """
    index = device_index(device)
    os.environ["CUDA_DEVICE"] = str(index)  # autoprimaryctx reads its GPU from here
    import pycuda.autoprimaryctx
    import pycuda.driver

    if pycuda.autoprimaryctx.device != pycuda.driver.Device(index):
        raise InputError(f"device {device}: this process already works on another GPU; use one GPU per process.")
    return pycuda.driver


def deserialize(name: Path | str, content: bytes, trt: TensorRT, flags: Mapping[str, Any]) -> tuple[Any, Any]:
    """The engine of a plan, and the runtime, which must outlive it. Raises InputError if TensorRT refuses the plan."""
    logger = trt.api.Logger(trt.api.Logger.ERROR)
    runtime = trt.api.Runtime(logger)
    if flags.get("version_compatible"):
        runtime.engine_host_code_allowed = True  # such a plan contains its own runtime code
    if flags.get("dla_core") is not None:
        runtime.DLA_core = flags["dla_core"]
    engine = runtime.deserialize_cuda_engine(content)
    if engine is None:
        raise InputError(
            f"{name} does not fit this machine: {trt} refuses it (see its messages above); build it here from the ONNX."
        )
    return engine, runtime
