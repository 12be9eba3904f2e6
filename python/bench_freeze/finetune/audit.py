"""The audit of a training: frozen tensors equal the base checkpoint's bit for bit, and trained layers have changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from ..config.training import FrozenBatchNorm
from ..errors import AuditError


@dataclass(frozen=True)
class FrozenAudit:
    """How many tensors were compared and, with frozen_bn = train, the largest change in each frozen buffer."""

    parameters: int
    buffers: int
    buffer_drift: dict[str, float]


def audit_frozen(
    base: nn.Module, tuned: nn.Module, freeze: int, frozen_bn: FrozenBatchNorm, *, half: bool
) -> FrozenAudit:
    """Compare layers 0..freeze-1 of both models in the checkpoint's precision (`half`: float16).

    Raises AuditError that names every frozen tensor that changed.
    """
    prefixes = tuple(f"model.{k}." for k in range(freeze))
    parameter_names = {name for name, _ in base.named_parameters()}
    tuned_state = tuned.state_dict()
    moved: list[str] = []
    drift: dict[str, float] = {}
    parameters = buffers = 0
    for name, before in base.state_dict().items():
        if not name.startswith(prefixes) and ".dfl." not in name:
            continue
        after = tuned_state[name].detach().cpu()
        before = before.detach().cpu()
        if half and before.is_floating_point():
            before, after = before.half(), after.half()
        is_parameter = name in parameter_names
        parameters += is_parameter
        buffers += not is_parameter
        if torch.equal(before, after):
            continue
        if not is_parameter and frozen_bn == "train":
            drift[name] = float((after.double() - before.double()).abs().max())
        else:
            moved.append(name)
    if moved:
        raise AuditError(
            f"{len(moved)} frozen tensor(s) changed in a training with freeze = {freeze}, so its results would not "
            f"mean what they say: {', '.join(moved)}. This is a fault of the training, not of your data; please report "
            "it with your versions of torch and ultralytics."
        )
    return FrozenAudit(parameters, buffers, drift)


@dataclass(frozen=True)
class TrainedAudit:
    """The number of unfrozen parameters that changed, and the names of those that did not."""

    trained: int
    still: list[str]


def filters_of(tensor: torch.Tensor) -> list[bytes]:
    """The content of each filter: a parameter's slices along its first dimension."""
    return [row.tobytes() for row in tensor.detach().cpu().numpy()]


def audit_resting(
    base: nn.Module,
    before: Mapping[str, torch.Tensor],
    tuned: nn.Module,
    resting: Mapping[str, torch.Tensor],
    *,
    half: bool,
) -> int:
    """Check that resting filters still have the values that they started with, and that these come from the base.

    `resting` maps a parameter's name to a boolean mask over its filters. Values are compared in the checkpoint's
    precision (`half`: float16). Returns the number of weights compared. Raises AuditError that names every parameter
    with a filter that changed or that never was the base's.
    """
    originals, found = dict(base.named_parameters()), dict(tuned.named_parameters())
    compared = 0
    moved = []
    for name, rows in resting.items():
        tensors = (originals[name].detach().cpu(), before[name].cpu()[rows], found[name].detach().cpu()[rows])
        theirs, start, end = (t.half() if half else t for t in tensors)
        if not torch.equal(start, end) or not set(filters_of(end)) <= set(filters_of(theirs)):
            moved.append(name)
        compared += end.numel()
    if moved:
        raise AuditError(
            f"{len(moved)} parameter(s) changed in filters that should rest, so the arm does not have the capacity "
            f"that it states: {', '.join(moved)}. This is a fault of the training, not of your data; please report it "
            "with your versions of torch and ultralytics."
        )
    return compared


def audit_trained(
    before: Mapping[str, torch.Tensor],
    tuned: nn.Module,
    freeze: int,
    resting: Mapping[str, torch.Tensor] | None = None,
) -> TrainedAudit:
    """Check that every layer from `freeze` on has changed; parameters whose filters all rest are skipped.

    A single tensor may keep its value: a branch that no object reached gets no gradient. Raises AuditError if a whole
    layer kept all of its values, since it was meant to train.
    """
    moved: dict[int, bool] = {}
    still: list[str] = []
    trained = 0
    for name, after in tuned.named_parameters():
        layer = int(name.split(".")[1])
        if layer < freeze or ".dfl." in name or (resting and name in resting and bool(resting[name].all())):
            continue
        same = torch.equal(before[name], after.detach().cpu())
        trained += not same
        if same:
            still.append(name)
        moved[layer] = moved.get(layer, False) or not same
    unmoved = [layer for layer, did in sorted(moved.items()) if not did]
    if unmoved:
        raise AuditError(
            f"layer(s) {', '.join(map(str, unmoved))} should have trained with freeze = {freeze} and did not move at "
            "all; give more epochs or a higher lr0, and if that does not help, report it."
        )
    return TrainedAudit(trained, still)
