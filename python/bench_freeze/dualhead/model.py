"""The dual-head model: one module, two named outputs, `base` and `target`.

Every construction is the same graph with one number, `graft_at`: layers 0..graft_at-1 are the tuned ones and computed
once; from there the original layers lead to the base head and the tuned ones to the target head, side by side.

    branched   graft_at = freeze   the shared layers are frozen, so both models have them: the base output cannot change
    grafted    graft_at = head     the original Detect reads the tuned neck: the base output shows what was forgotten
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from .branch import HeadBranch, choose_branch
from .layers import LayerMap

LayerOutput: TypeAlias = Any  # a tensor; of a Detect layer a tensor, a tuple or a dictionary, as its mode has it


def graft_position(construction: str, freeze: int, layers: LayerMap) -> int:
    """The first layer that the two heads do not share."""
    return {"branched": freeze, "grafted": layers.head}[construction]


class DualHead(nn.Module):
    """A base and a tuned detector of the same layout that share layers 0..graft_at-1 (taken from the tuned one).

    `forward(images [B, 3, S, S])` returns (base, target); each is [B, 4 + C, A] with boxes as centre, width, height in
    pixels and scores 0 to 1, or [B, D, 6] (x1, y1, x2, y2, score, class) for heads with one-to-one matching.
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
    """One detector with the same output contract as DualHead, but a single output."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(detector.model)
        self._kept = frozenset(detector.save)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """The head's output for a batch, as a tuple of one."""
        return (predictions(run_layers(self.layers, images, {}, self._kept)),)


def run_layers(layers: Iterable[nn.Module], x: Tensor, outputs: dict[int, Tensor], kept: frozenset[int]) -> LayerOutput:
    """Run consecutive numbered layers, reading and adding to the kept `outputs` by layer number."""
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
    """A Detect layer's predictions: alone in export mode, first of a pair otherwise."""
    return output if isinstance(output, Tensor) else output[0]


def head_kind(detector: nn.Module) -> str:
    """'detections' for a head that selects its own detections (one-to-one matching), else 'raw'."""
    return "detections" if getattr(detector.model[-1], "end2end", False) else "raw"


def prepare_for_inference(detector: nn.Module, branch: HeadBranch | None = None) -> nn.Module:
    """A copy with BatchNorm folded into its convolutions, in eval mode: what is exported and what torch runs.

    Of a head with two branches the one that answers is kept: `branch`, or else the one that the detector asks for.
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
    """Make every Detect layer trace as a pure function of its input: no cached anchors, one output."""
    from ultralytics.nn.modules.head import Detect

    for layer in module.modules():
        if isinstance(layer, Detect):
            layer.export, layer.format, layer.dynamic = True, "onnx", True
            layer.anchors, layer.strides = torch.empty(0), torch.empty(0)
            layer.shape = None
