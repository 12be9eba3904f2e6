"""Exported files to running engines."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from .base import Engine


def open_exported(
    engine: str, path: Path, device: str, threads: int | None = None, *, in_turns: bool = False
) -> Engine:
    """The engine that runs an ONNX file ("ort", "ort-trt") or a plan ("trt"); InputError where it cannot run here.

    `in_turns`: it shares the process with another that is timed in turn with it, so its threads must rest in between.
    """
    if engine == "trt":
        from .trt_engine import TrtEngine

        return TrtEngine(path, device)
    if engine in ("ort", "ort-trt"):
        from .availability import engine_device
        from .ort_engine import OrtEngine, ProviderName

        provider: ProviderName | None = "tensorrt" if engine == "ort-trt" else None
        return OrtEngine(path, engine_device(engine, device), threads, provider, in_turns=in_turns)
    raise InputError(f"engine {engine} cannot run {path}; use ort, ort-trt or trt.")
