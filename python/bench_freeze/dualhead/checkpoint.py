"""Checkpoints: load an Ultralytics detector from disk or by name, and write one."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.classes import names_by_number
from ..errors import InputError
from ..files import write_whole
from ..finite import require_finite
from ..results.take_over import TakeOver
from ..user_files import MAX_DATA
from ..user_files import read_file as read_user_file
from .layers import LayerMap, read_layer_map
from .safe_globals import trust_model
from .soundness import check_description, check_not_fused, check_parts, check_runs, check_tensors
from .structure import leave_inputs_alone, own_modules
from .unpickle import load_model_file

if TYPE_CHECKING:
    from torch.nn import Module


@dataclass(frozen=True)
class Checkpoint:
    """A detector in memory: float32, in eval mode, with the identity of its file."""

    model: Module  # ultralytics.nn.tasks.DetectionModel
    layers: LayerMap
    class_names: tuple[str, ...]
    sha256: str
    half: bool  # all floats in the file are float16
    train_args: Mapping[str, object] = field(default_factory=dict)  # as stated in the file; not checked
    taken: TakeOver | None = None  # if its backbone comes from another task; see detector_with
    like: Checkpoint | None = field(default=None, repr=False)  # the detector whose layers it has then

    @cached_property
    def own_modules(self) -> str | None:
        """Hash of the detector's modules if its yaml does not describe them; None if it does."""
        return own_modules(self.model)

    @property
    def architecture(self) -> str:
        """Hash of what the detector's layers are built from, regardless of its classes and weights.

        A description with different wording counts as a different architecture, even if it builds the same layers.
        Modules that the description does not cover count as well.
        """
        own = self.model.yaml
        if self.like is not None:
            return self.like.architecture
        described = {key: value for key, value in own.items() if key not in ("nc", "names", "yaml_file", "ch")}
        described["channels"] = own.get("channels", 3)
        if self.own_modules is not None:
            described["own_modules"] = self.own_modules
        if isinstance(described.get("scales"), dict) and "scale" in described:
            described["scales"] = described["scales"].get(described["scale"])  # only this scale was built
        return hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()


def locate_weights(name: str) -> Path:
    """Find the file of a checkpoint. If a known name is not on disk, Ultralytics downloads it.

    Raises InputError if there is no such file and Ultralytics cannot download it.
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
    except Exception as error:  # its network stack may raise anything
        raise InputError(
            f"{name} is not on disk and could not be downloaded ({' '.join(str(error).split())}); "
            "check the network, or give the path of a .pt file."
        ) from None
    if fetched.name != path.name:
        raise InputError(
            f"{name} is not on disk, and Ultralytics has it as {fetched.name} only, another model: name {fetched.name} "
            "if that is what you want, or give the path of your file."
        )
    if not fetched.is_file():
        raise InputError(
            f"{name} is neither on disk nor a name that Ultralytics can download; give the path of a .pt file."
        )
    return fetched


def load_checkpoint(path: Path, *, trust: bool = False, own: bool = False) -> Checkpoint:
    """Load the detector of an Ultralytics checkpoint file, whatever its name: float32, in eval mode.

    The file is read once, so the bytes that are hashed are those that are loaded. `trust` allows it to run code while
    it is loaded; `own` marks a file that should be ours and needs no code. Raises InputError for a file that is not a
    detector's checkpoint, that needs names outside the allow-list, or whose model cannot be measured and trained:
    because it is fused, is quantized, has no values, or fails on a trial image.
    """
    content = read_file(path)
    loaded = load_model_file(content, str(path), suffix=path.suffix.lower(), trust=trust, own=own)
    with naming(path, "is not an Ultralytics checkpoint of a detector", "give the .pt file that training wrote"):
        return _checkpoint_of(loaded, hashlib.sha256(content).hexdigest(), str(path), trust)


@contextmanager
def naming(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Turn errors with a model that was read from `path` into an InputError that names the file exactly once."""
    try:
        yield
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    except (AttributeError, TypeError, KeyError, ValueError, IndexError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160].rstrip(".")
        raise InputError(f"{path} {what} ({type(error).__name__}: {reason}); {remedy}.") from None


def read_file(path: Path) -> bytes:
    """Read the bytes of a user's file. Raises InputError if they cannot be read."""
    return read_user_file(path, "checkpoint", "give a detection model's .pt file", MAX_DATA)


def _checkpoint_of(loaded: object, sha256: str, where: str, trust: bool) -> Checkpoint:
    model = model_in(loaded)
    check_parts(model)
    layers = read_layer_map(model)
    check_not_fused(model)
    check_tensors(model)
    if trust:
        trust_model(model)
    check_description(model)
    names = names_by_number(model.names, f"{where}: names")
    half = _is_half(model)
    settings = loaded.get("train_args") if isinstance(loaded, dict) else None
    prepare(model, settings)
    model.names = dict(enumerate(names))
    check_runs(model, len(names))
    return Checkpoint(model, layers, names, sha256, half, settings if isinstance(settings, dict) else {})


def model_in(loaded: object) -> Module:
    """The moving average in a checkpoint, else its model; a model that was saved alone is returned as it is."""
    from torch import Tensor, nn

    if isinstance(loaded, nn.Module):
        return loaded
    if not isinstance(loaded, Mapping):
        raise InputError("the file holds no model; give an Ultralytics detection checkpoint.")
    if loaded.get("modelopt"):
        raise InputError("the checkpoint comes from a quantization-aware training; give the one before quantization.")
    model = loaded.get("ema") or loaded.get("model")
    if isinstance(model, nn.Module):
        return model
    state = model if isinstance(model, Mapping) else loaded.get("state_dict", loaded)
    if isinstance(state, Mapping) and any(isinstance(value, Tensor) for value in state.values()):
        raise InputError(
            "the file holds a state_dict: weights without the model that they belong to; give the .pt file that "
            "Ultralytics' training wrote (best.pt or last.pt)."
        )
    raise InputError("the file holds no model; give an Ultralytics detection checkpoint.")


def prepare(model: Module, settings: object) -> None:
    """Bring a loaded model, in place, into the state in which Ultralytics' own loader returns one."""
    from torch import nn
    from ultralytics.utils import DEFAULT_CFG_DICT

    model.float()
    model.args = {**DEFAULT_CFG_DICT, **(settings if isinstance(settings, dict) else {})}
    model.task = getattr(model, "task", "detect")
    if "criterion" in vars(model):
        model.criterion = None  # created again when a loss is needed
    model.eval()
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = True
        elif isinstance(module, nn.Upsample) and not hasattr(module, "recompute_scale_factor"):
            module.recompute_scale_factor = None  # files from before torch 1.11 lack it
    leave_inputs_alone(model)
    for parameter in model.parameters():
        parameter.requires_grad_(False)


def _is_half(model: Module) -> bool:
    """Whether all values are stored as float16: only then may models made from this one be written in float16."""
    import torch

    floats = [tensor.dtype for tensor in model.state_dict().values() if tensor.is_floating_point()]
    return all(dtype == torch.float16 for dtype in floats)


def save_checkpoint(path: Path, model: Module, *, half: bool) -> None:
    """Write a detector as an Ultralytics checkpoint in float16 or float32; `YOLO(path)` reads it.

    The file contains no date and no path, so that the same training gives the same content. Raises AuditError for a
    model with values that are not finite, or that overflow in float16.
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
    model = model.half() if half else model.float()
    require_finite(model.state_dict(), "the model" + (" in half precision" if half else ""))
    buffer = io.BytesIO()
    torch.save(
        {
            "model": model,
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
