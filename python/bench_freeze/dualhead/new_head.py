"""A detector's own modules, with a head for other classes or with random weights.

The model that is tuned is a copy of the checkpoint's modules, so activations, BatchNorm settings, strides and pruned
channels are preserved. Only values are new. They are drawn as Ultralytics draws them when it builds the model from its
yaml, so a seed gives the same values as in Ultralytics wherever the yaml's tensors have the checkpoint's shapes.
"""

from __future__ import annotations

import math
from copy import deepcopy

import torch
from torch import Tensor, nn

from ..errors import InputError
from .structure import CLASS_BRANCHES, builder_defaults_kept, built_from_yaml

BRANCHES = ("cv2", "one2one_cv2", *CLASS_BRANCHES)  # parts of a Detect head: boxes, then classes
_SIZES = ("in_channels", "out_channels", "groups", "num_features")
_OF_A_TRAINING = ("criterion", "class_weights", "pt_path")  # what a checkpoint may keep from its own training

Layout = dict[str, tuple[int, ...]]


def with_classes(base: nn.Module, classes: int) -> nn.Module:
    """A copy of a detector in training mode with a new head for `classes` classes; all other layers keep their values.

    Draws from torch's global generator: seed it first. Raises InputError for a head that cannot be built for other
    classes.
    """
    described = built_from_yaml(base, classes)
    model = _copy_for(base, classes)
    model.model[-1] = _fresh_head(base.model[-1], classes, described)
    return _trainable(model)


def with_random_weights(base: nn.Module, classes: int) -> nn.Module:
    """A detector of the same modules with random weights, for `classes` classes.

    Draws from torch's global generator. Raises InputError for a layer whose weights have no rule for drawing them.
    """
    described = built_from_yaml(base, classes)
    model = _copy_for(base, classes)
    for k, layer in enumerate(model.model[:-1]):
        theirs = described.model[k] if described is not None and len(described.model) == len(model.model) else None
        if theirs is not None and _layout(theirs) == _layout(layer):
            layer.load_state_dict(theirs.state_dict())
        else:
            draw_anew(layer, f"layer {k}")
    model.model[-1] = _fresh_head(base.model[-1], classes, described)
    return _trainable(model)


def fresh_head(base: nn.Module, seed: int) -> nn.Module:
    """A new head for the detector's own classes, with the weights that a training with this `seed` would start from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = _fresh_head(base.model[-1], base.model[-1].nc, built_from_yaml(base, base.model[-1].nc))
    return head


def new_classifier(last: nn.Module, classes: int, stride: float) -> nn.Module:
    """A new last convolution of a class branch, like `last` but for `classes` classes.

    `stride` is that of the branch's level, in pixels. The bias is the prior of a detector head as Ultralytics sets it:
    5 objects per level in an image of 640 pixels.
    """
    fresh = nn.Conv2d(
        last.in_channels,
        classes,
        last.kernel_size,
        stride=last.stride,
        padding=last.padding,
        dilation=last.dilation,
        bias=last.bias is not None,
    )
    if fresh.bias is not None:
        nn.init.constant_(fresh.bias, math.log(5 / classes / (640 / stride) ** 2))
    return fresh


def _copy_for(base: nn.Module, classes: int) -> nn.Module:
    model = deepcopy(base)
    for name in _OF_A_TRAINING:
        if hasattr(model, name):
            delattr(model, name)
    yaml = model.yaml if isinstance(getattr(model, "yaml", None), dict) else {}
    model.yaml = yaml | {"channels": yaml.get("channels", 3), "nc": classes}
    if hasattr(model, "nc"):
        model.nc = classes
    return model


def _trainable(model: nn.Module) -> nn.Module:
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(parameter.dtype.is_floating_point and ".dfl." not in name)
    return model.train()


def _fresh_head(original: nn.Module, classes: int, described: nn.Module | None) -> nn.Module:
    """A copy of the head with new values; widths that depend on the number of classes are set as its class sets them.

    A head whose layout differs from what its class builds keeps its own widths.
    """
    head = deepcopy(original)
    head.nc, head.no = classes, classes + 4 * head.reg_max
    head.anchors, head.strides, head.shape = torch.empty(0), torch.empty(0), None
    start = _start(original, classes, described.model[-1] if described is not None else None)
    for name in BRANCHES:
        branch = getattr(head, name, None)
        if branch is None:
            continue
        if start is not None:
            _take_values(branch, getattr(start, name))
        else:
            draw_anew(branch, "the head")
            _set_last_layers(head, name, classes)
    return head


def _start(original: nn.Module, classes: int, described: nn.Module | None) -> nn.Module | None:
    """A random head for `classes` classes as the original's class builds it; None if the original's layout differs."""
    with torch.random.fork_rng(devices=[]):
        own = _layout(original)
        forms = [legacy for legacy in (True, False) if _layout(_built(original, original.nc, legacy)) == own]
        if not forms:
            return None
        expected = _layout(_built(original, classes, forms[0]))
    if type(described) is type(original) and _layout(described) == expected:
        return described
    start = _built(original, classes, forms[0])
    start.stride = original.stride
    start.bias_init()
    return start


def _built(original: nn.Module, classes: int, legacy: bool) -> nn.Module:
    """A head of the original's class, as Ultralytics builds it for the same input channels."""
    from ultralytics.nn.modules.head import Detect

    channels = [next(m for m in level.modules() if isinstance(m, nn.Conv2d)).in_channels for level in original.cv2]
    with builder_defaults_kept():
        Detect.legacy = legacy
        if type(original) is not Detect:
            return type(original)(classes, channels)
        return Detect(classes, original.reg_max, getattr(original, "one2one_cv2", None) is not None, channels)


def _layout(module: nn.Module) -> Layout:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def _take_values(own: nn.Module, start: nn.Module) -> None:
    """Copy the tensors of the counterparts in `start` into `own`; sizes may change, other settings stay."""
    theirs = dict(start.named_modules())
    for path, module in own.named_modules():
        like = theirs.get(path)
        if like is None:
            continue  # it has no tensors
        for name, tensor in like._parameters.items():
            module._parameters[name] = None if tensor is None else nn.Parameter(tensor.detach().clone())
        for name, tensor in like._buffers.items():
            module._buffers[name] = None if tensor is None else tensor.detach().clone()
        for name in _SIZES:
            if hasattr(like, name) and hasattr(module, name):
                setattr(module, name, getattr(like, name))


def draw_anew(layer: nn.Module, where: str) -> None:
    """Draw random values by each module's own rule, in place. Raises InputError for a module without a rule."""
    from ultralytics.nn.modules.block import DFL

    constant = {id(inner) for module in layer.modules() if isinstance(module, DFL) for inner in module.modules()}
    for path, module in layer.named_modules():
        own: list[Tensor | None] = [*module._parameters.values(), *module._buffers.values()]
        if id(module) in constant or all(tensor is None for tensor in own):
            continue
        reset = getattr(module, "reset_parameters", None)
        if reset is None:
            raise InputError(
                f"{where} of the checkpoint has weights in {path or 'itself'} ({type(module).__name__}) that cannot be "
                "drawn at random: the module has no reset_parameters; use another head_init, or leave --scratch out."
            )
        reset()


def _set_last_layers(head: nn.Module, name: str, classes: int) -> None:
    for level, branch in enumerate(getattr(head, name)):
        last = branch[-1]
        if name in CLASS_BRANCHES:
            if not isinstance(last, nn.Conv2d):
                raise InputError(
                    f"the head's class branch {name} ends in {type(last).__name__} and not in a convolution, so it "
                    "cannot be given other classes; give a checkpoint whose head is Ultralytics' own."
                )
            branch[-1] = new_classifier(last, classes, float(head.stride[level]))
        elif getattr(last, "bias", None) is not None:
            nn.init.constant_(last.bias, 2.0)  # boxes, initialized as in Ultralytics
