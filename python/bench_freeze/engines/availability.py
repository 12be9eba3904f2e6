"""Which engines can run on this machine, and why not: asked before any work starts, and by `bench-freeze doctor`."""

from __future__ import annotations

import ctypes
import importlib.util
from dataclasses import dataclass

from ..environment import package_version
from ..errors import InputError


@dataclass(frozen=True)
class Availability:
    """Whether an engine can run on a device; `reason` says why not and what to do, or which version was found."""

    engine: str
    device: str
    usable: bool
    reason: str


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


def availability(engine: str, device: str) -> Availability:
    """Whether an engine can run on a device ("cpu", "cuda:0" ...)."""
    check = {"torch": _torch, "ort": _ort, "trt": _trt}[engine]
    problem = check(device)
    versions = {"torch": "torch", "ort": "onnxruntime", "trt": "tensorrt"}
    found = f"{versions[engine]} {package_version(versions[engine])}"
    return Availability(engine, device, problem is None, problem or found)


def require_engine(engine: str, device: str) -> None:
    """Raise InputError, with the reason and the remedy, when an engine cannot run here."""
    answer = availability(engine, device)
    if not answer.usable:
        raise InputError(f"--engine {engine} cannot run on {device} here: {answer.reason}")


def _torch(device: str) -> str | None:
    missing = [name for name in ("torch", "ultralytics") if importlib.util.find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} not installed; install with: pip install 'bench-freeze[train]'."
    return _driver_problem(device)


def _ort(device: str) -> str | None:
    if importlib.util.find_spec("onnxruntime") is None:
        extra = "ort-gpu" if device.startswith("cuda") else "ort"
        return f"onnxruntime is not installed; install with: pip install 'bench-freeze[{extra}]'."
    import onnxruntime

    if device.startswith("cuda") and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return "this onnxruntime has no CUDA provider; install with: pip install 'bench-freeze[ort-gpu]'."
    return _driver_problem(device)


def _trt(device: str) -> str | None:
    """TensorRT's runner is not part of this version: say so after what the machine itself lacks."""
    lacks = [name for name in ("tensorrt", "pycuda") if importlib.util.find_spec(name) is None]
    parts = []
    if lacks:
        parts.append(f"{' and '.join(lacks)} not installed (pip install 'bench-freeze[trt]')")
    driver = cuda_driver_error()
    if driver is not None:
        parts.append(driver)
    parts.append("this version of bench-freeze exports ONNX but does not build or run TensorRT plans yet")
    return "; ".join(parts) + ". Use --engine ort or torch."


def _driver_problem(device: str) -> str | None:
    if device.startswith("cuda"):
        driver = cuda_driver_error()
        if driver is not None:
            return f"{driver}; use --device cpu."
    return None
