"""What is recorded of the machine."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench_freeze import environment


def test_gpus_are_named_by_nvml_where_the_driver_has_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """WSL: two GPUs of two kinds must not be one machine in the key of a kept latency."""
    api = SimpleNamespace(
        NVMLError=OSError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda handle: ["NVIDIA T4", b"NVIDIA L4"][handle],
    )
    monkeypatch.setitem(sys.modules, "pynvml", api)
    monkeypatch.setattr(environment, "PROC_GPUS", Path("/nowhere"))
    assert environment.gpu_names() == ["NVIDIA T4", "NVIDIA L4"]

    def no_library() -> None:
        raise OSError("NVML Shared Library Not Found")

    monkeypatch.setattr(api, "nvmlInit", no_library)
    assert environment.gpu_names() == []
