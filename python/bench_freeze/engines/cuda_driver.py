"""Whether an NVIDIA driver answers, asked before anything that crashes without one."""

from __future__ import annotations

import ctypes


def cuda_driver_error() -> str | None:
    """Why the NVIDIA driver does not answer, None when it does.

    Asked through the driver's own library: TensorRT's runtime crashes the process when it is touched without a driver.
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
