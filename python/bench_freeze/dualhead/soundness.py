"""Checks that a loaded detector can be measured and trained, before anything else is done with it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_TRIAL_SIDE = 64
_UNFUSED = (
    "give one that is not fused: the best.pt or last.pt that training wrote, not one that was saved after model.fuse, "
    "predict or export"
)


def check_parts(model: Module) -> None:
    """Raise InputError for a model without a detector's attributes, or with parts of the wrong type."""
    from torch import Tensor, nn

    for name in ("yaml", "names", "stride"):
        if getattr(model, name, None) is None:
            raise InputError(f"the model has no '{name}'; give a checkpoint that Ultralytics' training wrote.")
    for name, module in model.named_modules():
        parts = vars(module)
        for group, kind in (("_parameters", nn.Parameter), ("_buffers", Tensor), ("_modules", nn.Module)):
            for key, value in parts.get(group, {}).items():
                if value is not None and not isinstance(value, kind):
                    raise InputError(
                        f"{_path(name, key)} is of type {type(value).__name__}; the checkpoint is damaged."
                    )


def check_not_fused(model: Module) -> None:
    """Raise InputError for a layer with folded BatchNorm, merged branches, or a forward method of its own."""
    from torch import nn
    from ultralytics.nn.modules.block import RepVGGDW
    from ultralytics.nn.modules.conv import Conv, ConvTranspose, RepConv
    from ultralytics.nn.modules.head import Detect

    for name, module in model.named_modules():
        own_forward = vars(module).get("forward")
        if isinstance(module, Conv):
            folded = not isinstance(getattr(module, "bn", None), nn.Module) or isinstance(module.bn, nn.Identity)
        elif isinstance(module, ConvTranspose):
            folded = not hasattr(module, "bn")
        elif isinstance(module, RepConv | RepVGGDW):
            folded = not hasattr(module, "conv1")
        else:
            folded = isinstance(module, Detect) and getattr(module, "cv2", None) is None
        if folded or getattr(own_forward, "__name__", "") == "forward_fuse":
            raise InputError(
                f"the checkpoint is fused: {name} ({type(module).__name__}) no longer has a BatchNorm or branch of its "
                f"own, so it cannot be fine-tuned as it was trained; {_UNFUSED}."
            )
        if own_forward is not None and own_forward != type(module).forward.__get__(module):
            raise InputError(f"{name or 'the model'} has a forward of its own; give a checkpoint as training wrote it.")


def check_tensors(model: Module) -> None:
    """Raise InputError for tensors that have no values, are not plain floats, or contain NaN or infinite values."""
    import torch

    floats = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    parameters = {name for name, _ in model.named_parameters()}
    for name, tensor in _tensors(model):
        if tensor.is_meta:
            raise InputError(f"{name} has a shape and no values (a meta tensor); save the model with its weights.")
        if tensor.is_quantized or (name in parameters and tensor.dtype not in floats):
            raise InputError(
                f"{name} holds {str(tensor.dtype).removeprefix('torch.')}, so the model is quantized; give the "
                "checkpoint before quantization, with float16 or float32 weights."
            )
        if tensor.layout is not torch.strided or tensor.is_complex():
            raise InputError(f"{name} is not a dense tensor of real numbers; give a checkpoint as training wrote it.")
        # Values that overflow float32 become infinite and are found, too.
        finite = torch.isfinite(tensor.float()) if tensor.is_floating_point() else None
        if finite is not None and not bool(finite.all()):
            raise InputError(
                f"{name} holds NaN or infinite values ({int((~finite).sum())} of {tensor.numel()}): the training "
                "diverged or the file is damaged; give another checkpoint of that training."
            )


def check_description(model: Module) -> None:
    """Raise InputError for a description (yaml) that would do more than build layers.

    When it builds a model, Ultralytics evaluates the description's activation as code and calls whatever its rows name.
    """
    from .safe_globals import is_trusted_description

    description = model.yaml
    if not isinstance(description, dict) or not all(isinstance(description.get(k), list) for k in ("backbone", "head")):
        raise InputError(
            "its description (yaml) has no lists of layers 'backbone' and 'head'; give another checkpoint."
        )
    if is_trusted_description(description):
        return
    activation = description.get("activation")
    if activation and not _is_plain_activation(activation):
        raise InputError(
            f"its description (yaml) has the activation {str(activation)[:80]!r}, which is not of the form nn.SiLU(); "
            "none of it was run."
        )
    for row in (*description["backbone"], *description["head"]):
        kind = row[2] if isinstance(row, list | tuple) and len(row) == 4 else None
        if not isinstance(kind, str) or not _is_known_layer(kind):
            raise InputError(
                f"its description (yaml) names '{str(kind)[:80]}', which is not a layer that Ultralytics has."
            )


def check_runs(model: Module, classes: int) -> None:
    """Raise InputError for a model that fails on a black image, or whose numbers of classes disagree."""
    import torch

    side = max(_TRIAL_SIDE, int(max(model.stride)))
    try:
        with torch.no_grad():
            found = deepcopy(model)(torch.zeros(1, 3, side, side))
    except Exception as error:  # a model that was modified may raise anything
        reason = " ".join(str(error).split())[:160].rstrip(".")
        raise InputError(
            f"the model fails on a {side} x {side} RGB picture ({type(error).__name__}: {reason}); it was changed "
            "after its training, or made for another version of Ultralytics or for other pictures: give a checkpoint "
            "as training wrote it."
        ) from None
    output = found[0] if isinstance(found, list | tuple) else found
    if not isinstance(output, torch.Tensor) or output.dim() != 3:
        raise InputError("the model does not return one tensor of detections; give a detection model.")
    if not bool(torch.isfinite(output).all()):
        raise InputError("the model returns NaN or infinite values; give another checkpoint of that training.")
    head = model.model[-1]
    scores = head.cv3[-1][-1].out_channels if getattr(head, "cv3", None) is not None else classes
    counts = {"names": classes, "nc of the head": int(head.nc), "outputs of the head": int(scores)}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{count} {what}" for what, count in counts.items())
        raise InputError(f"the numbers of classes do not agree: {shown}; give a checkpoint as training wrote it.")


def _tensors(model: Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _path(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _is_plain_activation(text: object) -> bool:
    try:
        call = ast.parse(str(text).strip(), mode="eval").body
        if not isinstance(call, ast.Call) or ast.unparse(call.func).removeprefix("torch.").count(".") != 1:
            return False
        for value in (*call.args, *(keyword.value for keyword in call.keywords)):
            ast.literal_eval(value)
        where, _, kind = ast.unparse(call.func).removeprefix("torch.").partition(".")
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return False
    return where == "nn" and _is_known_layer(f"nn.{kind}")


def _is_known_layer(kind: str) -> bool:
    from torch import nn
    from ultralytics.nn import tasks

    from .safe_globals import is_layer

    if kind.startswith("nn."):
        return is_layer(getattr(nn, kind[3:], None))
    return is_layer(vars(tasks).get(kind))
