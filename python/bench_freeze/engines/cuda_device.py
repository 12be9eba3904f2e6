"""A GPU as the NVIDIA driver itself names it, asked through ctypes: no CUDA package is needed to know what is there."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from ..errors import InputError
from .availability import cuda_driver_error

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*


@dataclass(frozen=True)
class CudaDevice:
    """What a plan is tied to; `capability` is "86" for 8.6, `driver` the CUDA version that the driver supports."""

    name: str
    capability: str
    driver: str


def cuda_device(device: str) -> CudaDevice:
    """The GPU of a device name ("cuda:0"). Raises InputError when there is no driver or no such GPU."""
    problem = cuda_driver_error()
    if problem is not None:
        raise InputError(f"device {device}: {problem}.")
    driver = ctypes.CDLL("libcuda.so.1")
    index = int(device.partition(":")[2] or 0)
    handle, number, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(256)
    if driver.cuDeviceGet(ctypes.byref(handle), index) != 0:
        raise InputError(f"device {device}: the NVIDIA driver knows no GPU of this number; count from cuda:0.")
    driver.cuDeviceGetName(name, len(name), handle)
    capability = ""
    for attribute in (_MAJOR, _MINOR):
        driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, handle)
        capability += str(number.value)
    driver.cuDriverGetVersion(ctypes.byref(number))
    version = f"{number.value // 1000}.{number.value % 1000 // 10}"
    return CudaDevice(name.value.decode(errors="replace"), capability, version)
