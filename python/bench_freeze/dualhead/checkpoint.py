"""Checkpoints: loading an Ultralytics detector from disk or by name, and writing one."""

from __future__ import annotations

import hashlib
import io
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..artifact import file_sha256, write_whole
from ..errors import InputError
from .layers import LayerMap, read_layer_map
from .structure import leave_inputs_alone, own_modules


@dataclass(frozen=True)
class Checkpoint:
    """A detector in memory: float32, eval mode, with the identity of the file it came from."""

    model: Any  # ultralytics.nn.tasks.DetectionModel
    layers: LayerMap
    class_names: tuple[str, ...]
    sha256: str
    half: bool  # the file holds float16 tensors

    @cached_property
    def own_modules(self) -> str | None:
        """Hash of the detector's modules where its yaml does not describe them; None where it does."""
        return own_modules(self.model)

    @property
    def architecture(self) -> str:
        """Hash of what the detector's layers are built from, whatever its classes and its values are.

        A description that is worded otherwise counts as another architecture, even if the same layers come out of it.
        Modules that it does not describe count as well.
        """
        own = self.model.yaml
        described = {key: value for key, value in own.items() if key not in ("nc", "names", "yaml_file", "ch")}
        described["channels"] = own.get("channels", 3)
        if self.own_modules is not None:
            described["own_modules"] = self.own_modules
        if isinstance(described.get("scales"), dict) and "scale" in described:
            described["scales"] = described["scales"].get(described["scale"])  # the others were not built
        return hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()


def locate_weights(name: str) -> Path:
    """The file of a checkpoint. A known name that is not on disk goes through Ultralytics' own download.

    Raises InputError when there is no such file and Ultralytics cannot fetch one.
    """
    path = Path(name)
    if path.is_file():
        return path
    if path.parent != Path() or path.suffix != ".pt":
        raise InputError(
            f"{name}: there is no such checkpoint; give the path of a .pt file or a name such as yolov8n.pt."
        )
    from ultralytics.utils.downloads import attempt_download_asset

    try:
        fetched = Path(str(attempt_download_asset(name)))
    except Exception as error:  # whatever its network stack raises
        raise InputError(
            f"{name} is not on disk and could not be downloaded ({' '.join(str(error).split())}); "
            "check the network, or give the path of a .pt file."
        ) from None
    if not fetched.is_file():
        raise InputError(
            f"{name} is neither on disk nor a name that Ultralytics can download; give the path of a .pt file."
        )
    return fetched


def load_checkpoint(path: Path) -> Checkpoint:
    """A detector from an Ultralytics checkpoint file. Raises InputError when the file is none."""
    import torch
    from ultralytics.nn import tasks

    try:
        half = _is_half(torch.load(path, map_location="cpu", weights_only=False))
        model, _ = tasks.load_checkpoint(str(path))
    except InputError:
        raise
    except Exception as error:  # unpickling raises nearly anything
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(
            f"{path} is no Ultralytics checkpoint ({reason}); give a detection model's .pt file."
        ) from None
    try:
        layers = read_layer_map(model)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    leave_inputs_alone(model)
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    names = tuple(str(model.names[k]) for k in sorted(model.names))
    return Checkpoint(model, layers, names, file_sha256(path), half)


def save_checkpoint(path: Path, model: Any, *, half: bool) -> None:
    """Write a detector as an Ultralytics checkpoint, float16 or float32; `YOLO(path)` reads it.

    The file has no date and no path in it, so that the same training gives the same content.
    """
    from copy import deepcopy

    import torch
    import ultralytics

    model = deepcopy(model).cpu().eval()
    model.criterion = None
    model.args = {"task": "detect"}
    model.task = "detect"
    if hasattr(model, "pt_path"):
        del model.pt_path
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    buffer = io.BytesIO()
    torch.save(
        {
            "model": model.half() if half else model.float(),
            "ema": None,
            "epoch": -1,
            "optimizer": None,
            "train_args": {"task": "detect"},
            "version": ultralytics.__version__,
            "license": "AGPL-3.0 (https://ultralytics.com/license)",
        },
        buffer,
    )
    write_whole(path, buffer.getvalue())


def _is_half(content: Any) -> bool:
    import torch

    model = (content.get("ema") or content.get("model")) if isinstance(content, dict) else content
    if not isinstance(model, torch.nn.Module):
        raise InputError("the file holds no model; give an Ultralytics detection checkpoint.")
    return any(p.dtype == torch.float16 for p in model.parameters())


def quiet_ultralytics() -> None:
    """Keep Ultralytics' own log and package installer silent; errors and our own messages remain."""
    import logging

    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    logging.getLogger("ultralytics").setLevel(logging.ERROR)
