"""Checks for an NVIDIA driver, before anything that crashes without one."""

from __future__ import annotations

import ctypes


def cuda_driver_error() -> str | None:
    """Why the NVIDIA driver cannot be used; None if it can.

    The check uses the driver's own library, because TensorRT's runtime crashes the process if there is no driver.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver (libcuda.so.1) on this machine"
    status = driver.cuInit(0)
    if status != 0:
        return f"the NVIDIA driver answers with error {status} (cuInit)"
    count = ctypes.c_int()
    if driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "the NVIDIA driver sees no GPU"
    return None
