"""The audit of the frozen part: after training, every frozen tensor must equal the base checkpoint's, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ..errors import AuditError
from ..spec import FrozenBatchNorm


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
