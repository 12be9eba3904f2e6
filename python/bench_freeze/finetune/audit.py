"""The audit of a training: frozen tensors equal the base checkpoint's bit for bit, and what should train did move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ..errors import AuditError
from ..spec.training import FrozenBatchNorm


@dataclass(frozen=True)
class FrozenAudit:
    """Tensors compared, and under frozen_bn = train how far each frozen buffer drifted (its largest change)."""

    parameters: int
    buffers: int
    buffer_drift: dict[str, float]


def audit_frozen(base: Any, tuned: Any, freeze: int, frozen_bn: FrozenBatchNorm, *, half: bool) -> FrozenAudit:
    """Compare layers 0..freeze-1 of both models, in the precision of the checkpoint (`half`: float16).

    Raises AuditError naming every tensor that should not have moved and did.
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
    """Unfrozen parameters that moved, and the names of those that did not."""

    trained: int
    still: list[str]


def audit_trained(before: dict[str, torch.Tensor], tuned: Any, freeze: int) -> TrainedAudit:
    """Compare the parameters of layers freeze.. with their values before the training.

    A single tensor may rest (a branch that no object reached gets no gradient). Raises AuditError when all of a layer's
    did: it was meant to train and never has.
    """
    moved: dict[int, bool] = {}
    still: list[str] = []
    trained = 0
    for name, after in tuned.named_parameters():
        layer = int(name.split(".")[1])
        if layer < freeze or ".dfl." in name:
            continue
        same = torch.equal(before[name], after.detach().cpu())
        trained += not same
        if same:
            still.append(name)
        moved[layer] = moved.get(layer, False) or not same
    resting = [layer for layer, did in sorted(moved.items()) if not did]
    if resting:
        raise AuditError(
            f"layer(s) {', '.join(map(str, resting))} should have trained with freeze = {freeze} and did not move at "
            "all; give more epochs or a higher lr0, and if that is no help, report it."
        )
    return TrainedAudit(trained, still)
