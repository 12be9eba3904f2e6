"""The embedded base model as an ordinary Ultralytics checkpoint.

The repository holds its tensors only (`base_weights.pt`): loading them runs no code, and a pickled model would carry
the training machine's paths. The classes come from the Ultralytics that is installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from torch import nn

TENSORS = Path(__file__).with_name("base_weights.pt")


def build_model(model_yaml: dict[str, Any], names: dict[int, str]) -> nn.Module:
    """A detection model of the described shape, with its classes named and its weights at random."""
    from ultralytics.nn.tasks import DetectionModel

    model: Any = DetectionModel(model_yaml, nc=len(names), verbose=False)
    model.names = names
    return cast("nn.Module", model)


def save_checkpoint(model: Any, file: Path) -> Path:
    """Write a detection model, in half precision, as a file that `ultralytics.YOLO` opens. The model itself is halved.

    The file depends on the model and the versions of torch and Ultralytics only: it holds no date and no path.
    """
    import torch
    import ultralytics

    train_args = {"task": "detect", "imgsz": 160}
    model.args = train_args
    model.task = "detect"
    content = {
        "epoch": -1,
        "best_fitness": None,
        "model": model.half().eval(),
        "ema": None,
        "updates": None,
        "optimizer": None,
        "train_args": train_args,
        "version": ultralytics.__version__,
        "license": "AGPL-3.0 (https://ultralytics.com/license)",
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, file)
    return file


def write_base_checkpoint(file: Path) -> Path:
    """Write the trained base model as an Ultralytics checkpoint; `file` must end in .pt. Returns `file`."""
    import torch

    stored = torch.load(TENSORS, map_location="cpu", weights_only=True)
    model = build_model(stored["yaml"], stored["names"])
    model.load_state_dict(stored["state_dict"], strict=True)
    return save_checkpoint(model, file)
