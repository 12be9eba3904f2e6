"""Which engines can run on this machine, and why not; checked before any work, and by `bench-freeze doctor`."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from ..environment import package_version
from ..errors import InputError
from .base import Letterboxing
from .cuda_driver import cuda_driver_error

PACKAGES = {"torch": "torch", "ort": "onnxruntime", "ort-trt": "onnxruntime", "trt": "tensorrt"}  # per engine
GPU_ONLY = frozenset({"ort-trt", "trt"})


@dataclass(frozen=True)
class Availability:
    """Whether an engine can run on a device. `reason` says why not and what to do, or which version was found."""

    engine: str
    device: str
    usable: bool
    reason: str


def engine_device(engine: str, device: str) -> str:
    """The device that an engine runs on. TensorRT runs only on GPUs, so the default, cpu, means its first GPU."""
    return "cuda:0" if engine in GPU_ONLY and device == "cpu" else device


def letterbox_device(engine: str) -> Letterboxing:
    """Where a usable engine letterboxes the pipeline's images; needed for keys before the engine is started."""
    from ..kernels.device_array import cuda_available

    return "gpu" if engine == "trt" and cuda_available() else "cpu"


def availability(engine: str, device: str) -> Availability:
    """Check whether an engine can run on a device ("cpu", "cuda:0" ...)."""
    check = {"torch": _torch, "ort": _ort, "ort-trt": _ort_trt, "trt": _trt}[engine]
    device = engine_device(engine, device)
    problem = check(device)
    if engine == "trt":
        from .tensorrt_family import installed

        found = ", ".join(map(str, installed()))
    else:
        found = f"{PACKAGES[engine]} {package_version(PACKAGES[engine])}"
    return Availability(engine, device, problem is None, problem or found)


def require_engine(engine: str, device: str) -> None:
    """Raise InputError, with the reason and the remedy, if an engine cannot run here."""
    answer = availability(engine, device)
    if not answer.usable:
        raise InputError(f"--engine {engine} cannot run on {engine_device(engine, device)} here: {answer.reason}")


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


def _ort_trt(device: str) -> str | None:
    """Check that ONNX Runtime has the provider; whether TensorRT's libraries load shows only when a session starts."""
    problem = _ort(device)
    if problem is not None:
        return problem
    import onnxruntime

    if "TensorrtExecutionProvider" not in onnxruntime.get_available_providers():
        return "this onnxruntime has no TensorRT provider; install with: pip install 'bench-freeze[ort-gpu]'."
    return None


def _trt(device: str) -> str | None:
    """Report everything that is missing at once: packages first, then what this machine cannot have."""
    from .tensorrt_family import broken, install_line, installed

    parts = []
    if not installed():
        parts.append("; ".join(broken()) or "no TensorRT is installed")
    if importlib.util.find_spec("pycuda") is None:
        parts.append("pycuda is not installed")
    driver = cuda_driver_error()
    if driver is not None:
        able = ", ".join(str(member) for member in installed() if member.member.ahead_of_time)
        found = f" ({able} can build plans here all the same)" if able else ""
        parts.append(
            f"{driver}: plans run on an NVIDIA GPU only{found}; use --engine ort or torch here, and bench-freeze "
            "export --engine trt --compute-capability N for a plan that runs elsewhere"
        )
    elif parts:
        parts.append(f"install with: {install_line()}")
    return "; ".join(parts) + "." if parts else None


def _driver_problem(device: str) -> str | None:
    if device.startswith("cuda"):
        driver = cuda_driver_error()
        if driver is not None:
            return f"{driver}; use --device cpu."
    return None
