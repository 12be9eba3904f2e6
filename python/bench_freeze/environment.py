"""The environment of a measurement: packages, processor, GPU, settings. Imports none of the packages it lists."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

from .cores import usable_cores

# Distribution names that provide a module, the one most likely installed first.
_DISTRIBUTIONS = {
    "torch": ("torch",),
    "torchvision": ("torchvision",),
    "ultralytics": ("ultralytics", "ultralytics-opencv-headless"),
    "onnx": ("onnx",),
    "onnxscript": ("onnxscript",),
    "onnxruntime": ("onnxruntime-gpu", "onnxruntime"),
    "tensorrt": (
        *("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-rtx-cu13"),
        *("tensorrt_rtx_cu13_bindings", "tensorrt-lean-cu13-bindings", "tensorrt-lean-cu12-bindings"),
    ),
    "pycuda": ("pycuda",),
    "numpy": ("numpy",),
    "pillow": ("pillow",),
}

PROC_GPUS = Path("/proc/driver/nvidia/gpus")


def package_version(module: str) -> str | None:
    """Installed version of a package; None if it is not installed."""
    for distribution in _DISTRIBUTIONS.get(module, (module,)):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def package_versions(*modules: str) -> dict[str, str | None]:
    """Installed versions of several packages."""
    return {module: package_version(module) for module in modules}


@cache
def cpu_model() -> str:
    """The name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Hardware", "Model")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cpu_governor() -> str | None:
    """The frequency governor of the first core; None if the kernel does not show it."""
    try:
        return Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text().strip()
    except OSError:
        return None


def board_model() -> str | None:
    """The name of a Jetson or other device-tree board, None elsewhere."""
    try:
        return Path("/proc/device-tree/model").read_text().rstrip("\0").strip() or None
    except OSError:
        return None


def gpu_names() -> list[str]:
    """Names of NVIDIA GPUs that the driver shows in /proc, or through NVML where it has no /proc (WSL); else empty."""
    names = []
    for information in sorted(PROC_GPUS.glob("*/information")):
        for line in information.read_text().splitlines():
            if line.startswith("Model:"):
                names.append(line.partition(":")[2].strip())
    return names or _nvml_names()


def _nvml_names() -> list[str]:
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        names = [pynvml.nvmlDeviceGetName(handle) for handle in handles]
    except pynvml.NVMLError:
        return []
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def machine() -> dict[str, object]:
    """The parts of the machine that latency depends on; equal on every run on it."""
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "architecture": platform.machine(),
        "board": board_model(),
        "gpus": gpu_names(),
    }


def _commit() -> str | None:
    """The commit of a CI job on GitHub or GitLab; None elsewhere."""
    return os.environ.get("GITHUB_SHA") or os.environ.get("CI_COMMIT_SHA") or None


def environment() -> dict[str, object]:
    """Everything recorded beside results: the machine, its state, and versions."""
    return {
        **machine(),
        "recorded_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": _commit(),
        "governor": cpu_governor(),
        "load_average": list(os.getloadavg()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": package_versions(*_DISTRIBUTIONS),
    }
