"""The model card of an ONNX file that bench-freeze wrote, for the modules that convert it."""

from __future__ import annotations

from pathlib import Path

from ..engines.base import ModelCard
from ..engines.model_file import read_own_card


def read_card(path: Path) -> ModelCard:
    """Read the card in a file's metadata. Raises InputError if there is none or if it contradicts the graph."""
    return read_own_card(path)
