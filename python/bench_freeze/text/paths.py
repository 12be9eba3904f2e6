"""File names that libraries can open: ONNX and TensorRT open only UTF-8 paths."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from .visible import well_formed


def require_utf8(path: Path, what: str) -> None:
    """Raise InputError if the given path contains bytes that are not UTF-8; `what` begins the sentence."""
    if well_formed(str(path)) != str(path):
        raise InputError(
            f"{what}: its path is not UTF-8, and ONNX Runtime opens only such paths; rename it or its folder."
        )
