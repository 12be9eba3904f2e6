"""The structure of a detector: its modules with their settings, and whether its yaml describes them.

A checkpoint holds modules and the yaml that they were built from. If someone has since replaced an activation or a
layer, only the modules have changed. The modules are what is tuned; the yaml is compared with them and not trusted.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING

from .layers import HEADS

if TYPE_CHECKING:
    from torch.nn import Module

# Attributes that do not affect the function: caches of a head, its export form, and a layer's name.
_NOT_SETTINGS = frozenset({"training", "np", "type", "inplace"})
_CACHES = frozenset({"anchors", "strides", "shape", "stride", "export", "format", "dynamic"})  # of a head
CLASS_BRANCHES = ("cv3", "one2one_cv3")
_CLASS_COUNTS = frozenset({"nc", "no"})
_SIZES = frozenset({"in_channels", "out_channels", "groups", "num_features"})


def built_from_yaml(model: Module, classes: int) -> Module | None:
    """The detector that Ultralytics builds from the model's yaml for `classes` classes; None if it cannot.

    Weights are drawn from torch's global generator.
    """
    from ultralytics.nn.tasks import DetectionModel

    from .quiet import quiet_ultralytics

    quiet_ultralytics()  # importing Ultralytics resets its log level, and it logs to stdout
    yaml = getattr(model, "yaml", None)
    if not isinstance(yaml, dict):
        return None
    try:
        with builder_defaults_kept():
            return DetectionModel(deepcopy(yaml), ch=yaml.get("channels", 3), nc=classes, verbose=False)
    except Exception:  # a yaml may contain anything
        return None


@contextlib.contextmanager
def builder_defaults_kept() -> Iterator[None]:
    """Restore what Ultralytics' parser sets for the whole process: the default activation and the head's form.

    Otherwise a yaml with `activation:` that fails halfway would change every model that is built after it.
    """
    from ultralytics.nn.modules import conv
    from ultralytics.nn.modules.head import Detect

    owners: list[tuple[type, str]] = [(Detect, "legacy")]
    owners += [(kind, "default_act") for kind in vars(conv).values() if "default_act" in getattr(kind, "__dict__", {})]
    before = [(owner, name, getattr(owner, name)) for owner, name in owners]
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def own_modules(model: Module) -> str | None:
    """The hash of a detector's modules if its yaml does not describe them; None if it does.

    The hash ignores the number of classes and all values.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        described = built_from_yaml(model, model.model[-1].nc)
    if described is not None and len(described.model) == len(model.model) and described.save == model.save:
        pairs = zip(model.model, described.model, strict=True)
        if all(alike(own, theirs, lenient=False) for own, theirs in pairs):
            return None
    every = ((k, path, module) for k, layer in enumerate(model.model) for path, module in _by_path(layer).items())
    lines = [f"{k}.{path} {_text(module, path)}" for k, path, module in every]
    return hashlib.sha256("\n".join([f"save {model.save}", *lines]).encode()).hexdigest()


def leave_inputs_alone(model: Module) -> None:
    """Stop numbered layers from changing their input in place: two heads, or several arms, read the same input.

    Ultralytics' own blocks never change it, so only other layers (torch's activations, custom layers) are set.
    """
    for layer in model.model:
        if not type(layer).__module__.startswith("ultralytics."):
            for module in layer.modules():
                if hasattr(module, "inplace"):
                    module.inplace = False


def alike(layer: Module, other: Module, *, lenient: bool) -> bool:
    """Whether two layers have the same modules: equal classes, settings and shapes under the same paths.

    `lenient` ignores settings that only one of them has, because it was written by another version.
    """
    own, theirs = _by_path(layer), _by_path(other)
    return own.keys() == theirs.keys() and all(
        type(module) is type(theirs[path])
        and _shapes(module) == _shapes(theirs[path])
        and _same_settings(module, theirs[path], lenient=lenient)
        for path, module in own.items()
    )


def _by_path(layer: Module) -> dict[str, Module]:
    """Every module of a layer by its path; one used in several places (an activation) appears under each."""
    return dict(layer.named_modules(remove_duplicate=False))


def _same_settings(module: Module, other: Module, *, lenient: bool) -> bool:
    """Whether the settings are equal; one may be set on the instance in one module and on the class in the other."""
    names = {name for name in (*vars(module), *vars(other)) if _is_setting(module, name)}
    for name in names:
        if not (hasattr(module, name) and hasattr(other, name)):
            if not lenient:
                return False
        elif _plain(getattr(module, name)) != _plain(getattr(other, name)):
            return False
    return True


def _text(module: Module, path: str) -> str:
    """A module's class, shapes and settings as one line; class branches lack sizes, which follow from the classes."""
    sized = not path.startswith(CLASS_BRANCHES)
    settings = {n: _plain(v) for n, v in vars(module).items() if _is_setting(module, n) and (sized or n not in _SIZES)}
    shapes = _shapes(module) if sized else ()
    kept = sorted(item for item in settings.items() if item[0] not in _CLASS_COUNTS)
    return f"{type(module).__module__}.{type(module).__qualname__} {shapes} {kept}"


def _shapes(module: Module) -> list[tuple[str, tuple[int, ...]]]:
    own = (*module._parameters.items(), *module._buffers.items())
    return [(name, tuple(tensor.shape)) for name, tensor in own if tensor is not None]


def _is_setting(module: Module, name: str) -> bool:
    cached = type(module).__name__ in HEADS and name in _CACHES
    return not name.startswith("_") and name not in _NOT_SETTINGS and not cached


def _plain(value: object) -> str:
    """A setting as text, without memory addresses."""
    if isinstance(value, str | int | float | bool | None):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_plain(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(sorted(f'{_plain(key)}: {_plain(item)}' for key, item in value.items()))}}}"
    if hasattr(value, "detach"):
        return hashlib.sha256(value.detach().cpu().float().contiguous().numpy().tobytes()).hexdigest()
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{getattr(named, '__module__', '')}.{named.__qualname__}"
