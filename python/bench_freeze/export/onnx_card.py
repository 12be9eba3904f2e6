"""The model card of an ONNX file that bench-freeze wrote, for what makes another file of it."""

from __future__ import annotations

from pathlib import Path

from ..engines.base import ModelCard
from ..engines.model_file import read_own_card


def read_card(path: Path) -> ModelCard:
    """The card in the file's metadata. Raises InputError for a file without one, or whose graph is another model."""
    return read_own_card(path)
