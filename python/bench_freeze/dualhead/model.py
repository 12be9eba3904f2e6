"""The dual-head model: one module with two named outputs, `base` and `target`.

All constructions are the same graph with one parameter, `graft_at`. Layers 0..graft_at-1 are the tuned model's and are
computed once. From there, the original layers lead to the base head and the tuned ones to the target head, in parallel.

    branched   graft_at = freeze   the shared layers are frozen, so they equal the base's: base output cannot change
    grafted    graft_at = head     the original Detect reads the tuned neck: base output shows what was forgotten
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from .branch import HeadBranch, choose_branch
from .layers import LayerMap

LayerOutput: TypeAlias = Any  # a tensor; from a Detect layer a tensor, tuple or dictionary, depending on its mode


def graft_position(construction: str, freeze: int, layers: LayerMap) -> int:
    """The first layer that the two heads do not share."""
    return {"branched": freeze, "grafted": layers.head}[construction]


class DualHead(nn.Module):
    """A base and a tuned detector of the same layout that share layers 0..graft_at-1 (taken from the tuned detector).

    `forward(images [B, 3, S, S])` returns (base, target). Each is [B, 4 + C, A], with boxes as centre, width and height
    in pixels and scores from 0 to 1, or [B, D, 6] (x1, y1, x2, y2, score, class) for heads with one-to-one matching.
    """

    def __init__(self, base: nn.Module, tuned: nn.Module, graft_at: int) -> None:
        super().__init__()
        if len(base.model) != len(tuned.model):
            raise ValueError("base and tuned model differ in their number of layers")
        self.trunk = nn.ModuleList(tuned.model[:graft_at])
        self.base_tail = nn.ModuleList(base.model[graft_at:])
        self.target_tail = nn.ModuleList(tuned.model[graft_at:])
        self._kept = frozenset(base.save) | frozenset(tuned.save)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Both heads' outputs for a batch."""
        outputs: dict[int, Tensor] = {}
        features = run_layers(self.trunk, images, outputs, self._kept)
        base = run_layers(self.base_tail, features, dict(outputs), self._kept)
        target = run_layers(self.target_tail, features, dict(outputs), self._kept)
        return predictions(base), predictions(target)


class SingleHead(nn.Module):
    """One detector; its single output has the same form as each output of DualHead."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(detector.model)
        self._kept = frozenset(detector.save)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """The head's output for a batch, as a tuple of one."""
        return (predictions(run_layers(self.layers, images, {}, self._kept)),)


def run_layers(layers: Iterable[nn.Module], x: Tensor, outputs: dict[int, Tensor], kept: frozenset[int]) -> LayerOutput:
    """Run consecutive numbered layers on `x`. Returns the last output.

    `outputs` holds outputs by layer number: layers read their other inputs from it, and outputs of layers in `kept` are
    added to it.
    """
    for layer in layers:
        if layer.f != -1:
            reads = [layer.f] if isinstance(layer.f, int) else layer.f
            found = [x if j == -1 else outputs[j if j >= 0 else layer.i + j] for j in reads]
            x = found[0] if isinstance(layer.f, int) else found
        x = layer(x)
        if layer.i in kept:
            outputs[layer.i] = x
    return x


def predictions(output: LayerOutput) -> Tensor:
    """The predictions of a Detect layer: its whole output in export mode, else the first of a pair."""
    return output if isinstance(output, Tensor) else output[0]


def head_kind(detector: nn.Module) -> str:
    """'detections' for a head that selects its own detections (one-to-one matching), else 'raw'."""
    return "detections" if getattr(detector.model[-1], "end2end", False) else "raw"


def prepare_for_inference(detector: nn.Module, branch: HeadBranch | None = None) -> nn.Module:
    """A copy in eval mode with BatchNorm folded into the convolutions: the model that is exported and that torch runs.

    If the head has two branches, only one is kept: `branch`, or by default the one that the detector is set to.
    """
    from copy import deepcopy

    copy: nn.Module = deepcopy(detector).float().eval()
    if branch is not None:
        choose_branch(copy, branch)
    copy.fuse(verbose=False)
    for parameter in copy.parameters():
        parameter.requires_grad_(False)
    return copy


def set_export_mode(module: nn.Module) -> None:
    """Make every Detect layer a pure function of its input for tracing: no cached anchors, one output."""
    from ultralytics.nn.modules.head import Detect

    for layer in module.modules():
        if isinstance(layer, Detect):
            layer.export, layer.format, layer.dynamic = True, "onnx", True
            layer.anchors, layer.strides = torch.empty(0), torch.empty(0)
            layer.shape = None
