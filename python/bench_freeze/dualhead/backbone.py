"""The backbone of a checkpoint of any task, and its transfer into a model: whole layers only, or an error.

Loading by names and shapes alone takes whatever happens to fit. Layer 9 of YOLO11, for example, is SPPF in a detector
and C2PSA in a classifier, and both have a `cv1.conv.weight`; if size or family differ, only some layers fit, and
nothing reports it. Here a layer is taken with all of its tensors or not at all, and only if every layer before it was
taken. It therefore gives the same outputs in the new model as in the checkpoint, to the bit.
"""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..results.take_over import TakeOver
from .checkpoint import model_in, naming, prepare, read_file
from .layers import check_numbers
from .safe_globals import trust_model
from .soundness import check_description, check_not_fused, check_parts, check_tensors
from .structure import alike
from .unpickle import load_model_file

if TYPE_CHECKING:
    from torch.nn import Module
    from torch.nn.modules.batchnorm import _BatchNorm

# The classes of the last layer, by the task that they are for.
TASKS = {
    "detect": ("Detect", "v10Detect", "WorldDetect", "YOLOEDetect", "RTDETRDecoder"),
    "classify": ("Classify",),
    "segment": ("Segment", "Segment26", "YOLOESegment", "YOLOESegment26"),
    "semantic": ("SemanticSegment",),
    "depth": ("Depth",),
    "pose": ("Pose", "Pose26"),
    "obb": ("OBB", "OBB26"),
}
# Layers that a family's classifiers lack: they pool after the backbone, not in it.
POOLING = frozenset({"SPP", "SPPF", "SPPELAN"})
_GIVE = "give the .pt file of a detector, classifier or segmenter that Ultralytics' training wrote"


@dataclass(frozen=True)
class Backbone:
    """Layers 0..end-1 of a model of any task: float32, in eval mode."""

    model: Module  # complete, with all of its numbered layers
    end: int
    task: str  # one of TASKS
    sha256: str  # of the file, or of the values for random weights
    stride: int  # image pixels between neighbouring positions of the last layer's output

    @property
    def kinds(self) -> tuple[str, ...]:
        """The class names of its layers."""
        return tuple(type(layer).__name__ for layer in self.model.model[: self.end])


def load_backbone(path: Path, *, trust: bool = False) -> Backbone:
    """Load the backbone of an Ultralytics checkpoint of any task (detector, classifier, segmenter ...) and family.

    Raises InputError for any other file, and for one that is fused or quantized, contains NaN, or would run code (see
    `load_checkpoint`).
    """
    content = read_file(path)
    loaded = load_model_file(content, str(path), suffix=path.suffix.lower(), trust=trust)
    with naming(path, "has no backbone that can be read", _GIVE):
        return _backbone_of(loaded, hashlib.sha256(content).hexdigest(), trust)


def _backbone_of(loaded: object, sha256: str, trust: bool) -> Backbone:
    from torch import nn

    model = model_in(loaded)
    check_parts(model)
    if not isinstance(getattr(model, "model", None), nn.Sequential) or not len(model.model):
        raise InputError(f"it holds a {type(model).__name__} without numbered layers; {_GIVE}.")
    kind = type(model.model[-1]).__name__
    task = next((task for task, heads in TASKS.items() if kind in heads), None)
    if task is None:
        raise InputError(f"its last layer is {kind}, which is not a head of Ultralytics' models; {_GIVE}.")
    check_numbers(model)
    check_not_fused(model)
    check_tensors(model)
    if trust:
        trust_model(model)
    check_description(model)
    prepare(model, loaded.get("train_args") if isinstance(loaded, dict) else None)
    end = len(model.yaml["backbone"])
    return Backbone(model, end, task, sha256, _stride(model, end))


def _stride(model: Module, end: int) -> int:
    """The stride of a backbone's last layer. Raises InputError if it does not turn an image into one finite map."""
    import torch

    from .model import run_layers

    side = 64
    try:
        with torch.no_grad():
            layers = deepcopy(model.model[:end])
            output = run_layers(layers, torch.zeros(1, 3, side, side), {}, frozenset(model.save))
    except Exception as error:  # a model that was modified may raise anything
        reason = " ".join(str(error).split())[:160].rstrip(".")
        raise InputError(
            f"its backbone fails on a {side} x {side} RGB picture ({type(error).__name__}: {reason}); {_GIVE}."
        ) from None
    if not isinstance(output, torch.Tensor) or output.dim() != 4 or not bool(torch.isfinite(output).all()):
        raise InputError(f"its backbone does not return one finite map of features; {_GIVE}.")
    return side // int(output.shape[-1])


def random_backbone(like: Backbone, seed: int) -> Backbone:
    """The same layers with random weights, drawn from `seed` by their classes' own rules.

    torch's global generator is not affected. Raises InputError for a layer whose weights have no rule for drawing them.
    """
    import torch

    from .new_head import draw_anew

    model = deepcopy(like.model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for k, layer in enumerate(model.model[: like.end]):
            draw_anew(layer, f"layer {k}")
    digest = hashlib.sha256()
    for name, tensor in model.model[: like.end].state_dict().items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return Backbone(model.eval(), like.end, like.task, digest.hexdigest(), like.stride)


def fitting_layers(source: Backbone, into: Backbone, names: tuple[str, str]) -> int:
    """The number of first layers that a model takes from a checkpoint. `names` are both names, for messages.

    These are all layers of the backbone, or those before a pooling layer that a classifier's backbone lacks: the layers
    after it would read different inputs. Raises InputError if the backbones do not fit.
    """
    own, theirs = _kinds_without_pooling(into), _kinds_without_pooling(source)
    if own != theirs:
        first = next((k for k, pair in enumerate(zip(own, theirs, strict=False)) if pair[0] != pair[1]), None)
        if first is None:
            what = f"it has {len(theirs)} layers there and {len(own)} in"
        else:
            what = f"layer {first} is {theirs[first]} there and {own[first]} in"
        raise _misfit(what, names)
    taken = 0
    for k, (layer, other) in enumerate(
        zip(into.model.model[: into.end], source.model.model[: source.end], strict=False)
    ):
        if type(layer) is not type(other):
            break
        if layer.f != other.f or not alike(layer, _with_norms_of(other, layer), lenient=True):
            raise _misfit(f"layer {k} ({type(layer).__name__}) has different widths or settings than in", names)
        taken = k + 1
    return taken


def _kinds_without_pooling(backbone: Backbone) -> list[str]:
    return [kind for kind in backbone.kinds if kind not in POOLING]


def _misfit(what: str, names: tuple[str, str]) -> InputError:
    return InputError(
        f"the backbone of {names[0]} does not fit: {what} {names[1]}; give a checkpoint of the same family and size. "
        "Nothing is loaded in part."
    )


def take_over(source: Backbone, model: Module, layers: int) -> TakeOver:
    """Replace layers 0..layers-1 of a model, in place, by those of a checkpoint; `fitting_layers` gives their number.

    A layer comes with everything that its function depends on: its values and the epsilon of its BatchNorm, which
    Ultralytics sets for detectors (1e-3) but not for classifiers (1e-5). The rest stays the model's, including the
    momentum, which only training uses, and which parameters train. Returns which tensors were taken, new and left, by
    name.
    """
    for k in range(layers):
        own = model.model[k]
        layer = deepcopy(source.model.model[k])
        for path, norm in _norms(layer).items():
            norm.momentum = _norms(own)[path].momentum
        for path, parameter in own.named_parameters():
            layer.get_parameter(path).requires_grad_(parameter.requires_grad)
        model.model[k] = layer.train(own.training)
    return account(source.model, model, layers)


def _with_norms_of(layer: Module, other: Module) -> Module:
    """A copy of `layer` whose BatchNorm has the epsilon and momentum of `other`, so that the rest can be compared."""
    copied, norms = deepcopy(layer), _norms(other)
    for path, norm in _norms(copied).items():
        if path in norms:
            norm.eps, norm.momentum = norms[path].eps, norms[path].momentum
    return copied


def _norms(layer: Module) -> dict[str, _BatchNorm]:
    from torch.nn.modules.batchnorm import _BatchNorm

    return {path: module for path, module in layer.named_modules() if isinstance(module, _BatchNorm)}


def account(source: Module, model: Module, layers: int) -> TakeOver:
    """The names of the tensors that layers 0..layers-1 of a checkpoint give to a model, of the rest, and of the new."""
    taken = tuple(f"model.{k}." for k in range(layers))
    own, theirs = list(model.state_dict()), list(source.state_dict())
    return TakeOver(
        layers=layers,
        came=[name for name in own if name.startswith(taken)],
        new=[name for name in own if not name.startswith(taken)],
        left=[name for name in theirs if not name.startswith(taken)],
    )
