"""The embedded base model as an ordinary Ultralytics checkpoint.

The repository holds its tensors only (`base_weights.pt`): loading them runs no code, and a pickled model would carry
the training machine's paths. The model's classes come from the installed Ultralytics.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from torch import nn

TENSORS = Path(__file__).with_name("base_weights.pt")


def build_model(model_yaml: dict[str, Any], names: dict[int, str]) -> nn.Module:
    """A detection model by its YAML description, with class names and random weights."""
    from ultralytics.nn.tasks import DetectionModel

    model: Any = DetectionModel(model_yaml, nc=len(names), verbose=False)
    model.names = names
    return cast("nn.Module", model)


def write_base_checkpoint(file: Path) -> Path:
    """Write the trained base model as an Ultralytics checkpoint; `file` must end in .pt. Returns `file`."""
    from ..dualhead.checkpoint import save_checkpoint
    from ..dualhead.unpickle import load_plain

    stored = load_plain(TENSORS.read_bytes(), str(TENSORS))
    model = build_model(stored["yaml"], stored["names"])
    model.load_state_dict(stored["state_dict"], strict=True)
    save_checkpoint(file, model, half=True)
    return file
