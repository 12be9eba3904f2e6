"""A GPU as the NVIDIA driver reports it, through ctypes: no CUDA package is needed to find out what is there."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import InputError
from .cuda_driver import cuda_driver_error

CALLS = (
    "cuDeviceGet",
    "cuDevicePrimaryCtxRetain",
    "cuCtxPushCurrent_v2",
    "cuCtxPopCurrent_v2",
    "cuDevicePrimaryCtxRelease_v2",
)
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*


@dataclass(frozen=True)
class CudaDevice:
    """What a plan is tied to. `capability` is "86" for 8.6; `driver` is the CUDA version that the driver supports."""

    name: str
    capability: str
    driver: str


def device_index(device: str) -> int:
    """The number in a GPU's device name: 0 for "cuda" and "cuda:0"."""
    return int(device.partition(":")[2] or 0)


def cuda_device(device: str) -> CudaDevice:
    """The GPU with a device name such as "cuda:0". Raises InputError if there is no driver or no such GPU."""
    problem = cuda_driver_error()
    if problem is not None:
        raise InputError(f"device {device}: {problem}.")
    driver = ctypes.CDLL("libcuda.so.1")
    index = device_index(device)
    handle, number, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(256)
    if driver.cuDeviceGet(ctypes.byref(handle), index) != 0:
        raise InputError(f"device {device}: the NVIDIA driver has no GPU with this number; count from cuda:0.")
    driver.cuDeviceGetName(name, len(name), handle)
    capability = ""
    for attribute in (_MAJOR, _MINOR):
        driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, handle)
        capability += str(number.value)
    driver.cuDriverGetVersion(ctypes.byref(number))
    version = f"{number.value // 1000}.{number.value % 1000 // 10}"
    return CudaDevice(name.value.decode(errors="replace"), capability, version)


@contextmanager
def on_gpu(device: str) -> Iterator[None]:
    """Make the GPU's primary context current in this thread within the block: TensorRT builds for the current GPU.

    Call `cuda_device` first to check the driver. Raises RuntimeError if the driver refuses a call.
    """
    driver = ctypes.CDLL("libcuda.so.1")

    def _call(name: str, *arguments: object) -> None:
        status = getattr(driver, name)(*arguments)
        if status != 0:
            raise RuntimeError(f"the NVIDIA driver refused {name} with error {status}")

    handle, context, popped = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p()
    _call("cuDeviceGet", ctypes.byref(handle), ctypes.c_int(device_index(device)))
    _call("cuDevicePrimaryCtxRetain", ctypes.byref(context), handle)
    try:
        _call("cuCtxPushCurrent_v2", context)
        try:
            yield
        finally:
            _call("cuCtxPopCurrent_v2", ctypes.byref(popped))
    finally:
        _call("cuDevicePrimaryCtxRelease_v2", handle)
