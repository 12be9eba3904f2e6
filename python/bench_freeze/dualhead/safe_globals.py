"""The allow-list: which names in a pickle are loaded, and as what. No entry lets a file run code of its choice.

    torch's own               what weights_only knows: tensors, storages, dtypes, ordered dictionaries
    layers and models         torch.nn, ultralytics.nn: the exact class, without running its constructor, which might
                              build a model from text that it evaluates
    settings                  Ultralytics' namespace of arguments
    numbers, arrays, paths    loaded by stand-ins that accept only plain numbers, bytes and text
    losses, transforms        replaced by an empty object: losses are created again, detectors need no transforms

A fused layer holds its own method, which a pickle writes as getattr(layer, "forward_fuse"). The stand-in for getattr
allows the two forward methods of a loaded layer, and nothing else.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch.nn import Module

_LAYERS = ("ultralytics.nn.modules", "torch.nn.modules")
_LAYER_FILES = ("", ".activation", ".block", ".conv", ".head", ".transformer", ".utils")
_MODELS = "ultralytics.nn.tasks"
_NEVER = frozenset({"TorchVision"})  # layers that download files, or wrap something unknown
_RENAMED = {  # older names, mapped as in Ultralytics' own loader
    "ultralytics.nn.modules.block.Silence": "torch.nn.modules.linear.Identity",
    "ultralytics.nn.tasks.YOLOv10DetectionModel": "ultralytics.nn.tasks.DetectionModel",
    "ultralytics.yolo.utils.IterableSimpleNamespace": "ultralytics.utils.IterableSimpleNamespace",
}
_SETTINGS = "ultralytics.utils.IterableSimpleNamespace"
_NOTHING = (
    "ultralytics.utils.loss.",
    "ultralytics.utils.tal.",
    "ultralytics.yolo.utils.loss.",
    "ultralytics.yolo.utils.tal.",
    "ultralytics.yolo.v8.detect.train.",
    "torchvision.transforms.transforms.",
    "torchvision.transforms.functional.",
)
_NUMERIC = "biufc"  # kinds of dtypes


class Nothing:
    """Stands for an object that no detector needs; accepts any arguments and state, and discards them."""

    def __new__(cls, *_: object) -> Nothing:
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        """Ignore the state."""


class Dtype:
    """Stands for a NumPy dtype of plain numbers."""

    def __init__(self, code: object, *_: object) -> None:
        self.value = np.dtype(str(code, "ascii") if isinstance(code, bytes) else str(code))
        if self.value.kind not in _NUMERIC:
            raise ValueError(f"values of dtype {self.value}")

    def __setstate__(self, state: Any) -> None:
        """Take the byte order, the only part of the state that matters for numbers."""
        if state[1] in ("<", ">"):
            self.value = self.value.newbyteorder(state[1])


class Array(np.ndarray[Any, Any]):
    """Stands for a NumPy array of plain numbers."""

    def __setstate__(self, state: Any) -> None:
        """Take shape and values after checking them. Raises ValueError if they are not plain numbers or do not fit."""
        _, shape, dtype, is_fortran, raw = state
        if not isinstance(dtype, Dtype) or not isinstance(raw, bytes):
            raise ValueError("an array of something other than numbers")
        counted = int(np.prod([int(n) for n in shape], dtype=np.int64)) * dtype.value.itemsize
        if counted != len(raw) or min(shape, default=1) < 0:
            raise ValueError("an array whose shape does not fit its values")
        whole: Any = (1, tuple(int(n) for n in shape), dtype.value, bool(is_fortran), raw)
        super().__setstate__(whole)


def _empty_array(*_: object) -> Array:
    return np.ndarray.__new__(Array, (0,), np.int8)


def _scalar(dtype: Dtype, raw: bytes) -> object:
    if not isinstance(dtype, Dtype) or not isinstance(raw, bytes) or len(raw) != dtype.value.itemsize:
        raise ValueError("something that is not a number")
    return np.frombuffer(raw, dtype.value)[0]


def _path(*parts: str) -> pathlib.PurePath:
    return pathlib.PurePosixPath(*map(str, parts))


def _method(owner: object, name: str) -> object:
    from torch import nn

    if isinstance(owner, nn.Module) and name in ("forward", "forward_fuse"):
        return getattr(type(owner), name).__get__(owner)
    if owner is Nothing or isinstance(owner, Nothing):
        return Nothing()
    raise ValueError(f"builtins.getattr of {getattr(owner, '__name__', type(owner).__name__)}, {name!r}")


def _no_bytes() -> bytes:
    return b""


_PLAIN: dict[str, object] = {
    "builtins.bytes": _no_bytes,  # how protocol 2 writes empty bytes
    "numpy.dtype": Dtype,
    "numpy.ndarray": Array,
    **{f"numpy.{core}.multiarray._reconstruct": _empty_array for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
}
_MODEL_EXTRAS: dict[str, object] = {
    "builtins.getattr": _method,
    **{f"{m}.{c}": _path for m in ("pathlib", "pathlib._local") for c in ("PosixPath", "WindowsPath")},
    **{f"{m}.{c}": _path for m in ("pathlib", "pathlib._local") for c in ("PurePosixPath", "PureWindowsPath")},
}


def allowed(names: tuple[str, ...], *, models: bool) -> dict[str, list[object]]:
    """For every name that may be loaded, the entries to add to torch's list of safe globals; empty if torch has it.

    With `models` False, only tensors, plain values and NumPy numbers are allowed: what our own files hold. A name that
    is missing from the result must not be loaded.
    """
    from torch._weights_only_unpickler import _get_allowed_globals

    own = _get_allowed_globals()
    found = {name: [] if name in own else _entries(name, models) for name in names}
    return {name: entries for name, entries in found.items() if entries is not None}


def _entries(name: str, models: bool) -> list[object] | None:
    if name in _PLAIN:
        return [(_PLAIN[name], name)]
    if not models:
        return None
    if name in _MODEL_EXTRAS:
        return [(_MODEL_EXTRAS[name], name)]
    if name.startswith(_NOTHING):
        return [(Nothing, name)]
    real = _TRUSTED.get(name) or _class(_RENAMED.get(name, name))
    if real is None:
        return None
    # The second entry allows setting the state of the real class. No pickle can name it: names contain no line break.
    return [(_bare(real), name), (real, f"\n{name}")]


def _class(name: str) -> type | None:
    """The class with exactly this name if it is a layer, a model, or the namespace of settings; else None."""
    from torch import nn

    where, _, own = name.rpartition(".")
    if own in _NEVER or not _may_be_imported(where, name):
        return None
    try:
        found = getattr(import_module(where), own, None)
    except ImportError:
        return None
    if not isinstance(found, type):
        return None
    if name == _SETTINGS:
        return found
    makes_itself = any("__new__" in vars(base) for base in found.__mro__[:-1])
    at_home = _may_be_imported(found.__module__, name)  # not imported from elsewhere
    return found if issubclass(found, nn.Module) and at_home and not makes_itself else None


def _may_be_imported(module: str, name: str) -> bool:
    if name == _SETTINGS or module == _MODELS:
        return True
    if module in {f"{_LAYERS[0]}{file}" for file in _LAYER_FILES}:
        return True
    return module == _LAYERS[1] or module.rpartition(".")[0] == _LAYERS[1]


def is_layer(found: object) -> bool:
    """Whether this is a layer class that a model description may name: not a whole model, nothing that downloads."""
    from torch import nn

    if not isinstance(found, type) or not issubclass(found, nn.Module) or found.__name__ in _NEVER:
        return False
    return found.__module__ != _MODELS and _may_be_imported(found.__module__, found.__name__)


def _bare(real: type) -> type:
    """A stand-in for a class: calling it, with any arguments, gives an instance without running its constructor."""

    new: Any = real.__new__

    def make(cls: type, *_: object, **__: object) -> object:
        return new(real)

    return type(real.__name__, (), {"__new__": make})


_TRUSTED: dict[str, type] = {}
_TRUSTED_DESCRIPTIONS: set[str] = set()


def trust_model(model: Module) -> None:
    """Allow this trusted model's classes and description in files that this process loads later.

    Models trained from a checkpoint have its layers, and our own files are loaded without trust.
    """
    for module in model.modules():
        kind = type(module)
        _TRUSTED[f"{kind.__module__}.{kind.__qualname__}"] = kind
    _TRUSTED_DESCRIPTIONS.add(_words(model.yaml))


def is_trusted_description(description: Mapping[str, object]) -> bool:
    """Whether a trusted model has exactly this description."""
    return _words(description) in _TRUSTED_DESCRIPTIONS


def _words(description: Mapping[str, object]) -> str:
    return repr([description.get(key) for key in ("activation", "backbone", "head")])
