"""A deployed file to the engine that runs it: ONNX by ONNX Runtime, a plan by TensorRT."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from .base import Engine

ONNX = ".onnx"


def open_engine(path: Path, device: str, threads: int | None = None) -> Engine:
    """The engine of one file; a plan is loaded by TensorRT, which has no threads of the host to set.

    Raises InputError, with the reason, where that engine cannot run here.
    """
    if path.suffix == ONNX:
        from .ort_engine import OrtEngine

        return OrtEngine(path, device, threads)
    if device == "cpu":
        raise InputError(f"{path} is no {ONNX} file; a TensorRT plan runs on a GPU: give --device cuda:0.")
    from .trt_engine import TrtEngine

    return TrtEngine(path, device)
