"""Opens exported files as engines."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from .base import Engine, Spin


def open_exported(engine: str, path: Path, device: str, threads: int | None = None, *, spin: Spin = "always") -> Engine:
    """Open an ONNX file ("ort", "ort-trt") or a plan ("trt") as an engine. Raises InputError if it cannot run here.

    `spin` matters for an engine that shares the process with others: see OrtEngine.
    """
    if engine == "trt":
        from .trt_engine import TrtEngine

        return TrtEngine(path, device)
    if engine in ("ort", "ort-trt"):
        from .availability import engine_device
        from .ort_engine import OrtEngine, ProviderName

        provider: ProviderName | None = "tensorrt" if engine == "ort-trt" else None
        return OrtEngine(path, engine_device(engine, device), threads, provider, spin=spin)
    raise InputError(f"engine {engine} cannot run {path}; use ort, ort-trt or trt.")
