"""Interpolation between the base and a tuned model: an alpha sweep without training (WiSE-FT, Wortsman et al. 2022).

Parameters of the trained layers become base + alpha (tuned - base); the frozen layers are equal in both models. The new
head has no counterpart in the base model, so every alpha uses the tuned head.

By default (`interpolate`) BatchNorm's running statistics are interpolated like parameters, so alpha 0 is the base model
and alpha 1 the tuned one. In between, neither mean nor variance is exact, which matters little if the two models are
close. `reestimate` measures them again instead: cumulative averages over target training images, letterboxed and
without augmentation, from forward passes in training mode. These fit the target set and not the base set, so base mAP
falls at every alpha, even at 0.
"""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from torch import nn

from ..artifact import Artifact, ArtifactStore
from ..config.training import TrainingOptions
from ..data.dataset import DetectionSet
from ..data.loader import load_batches
from ..dualhead.checkpoint import Checkpoint, save_checkpoint
from ..dualhead.model import run_layers
from .arm import CHECKPOINT, KIND, Arm, load_tuned
from .audit import audit_frozen

STATISTICS_IMAGES = 256


def interpolated(
    training: TrainingOptions,
    arm: Arm,
    alpha: float,
    tuned: Artifact,
    base: Checkpoint,
    data: DetectionSet,
    store: ArtifactStore,
) -> tuple[Artifact, bool]:
    """Return the artifact of the model at `alpha` between the base and the static arm's `tuned`, and whether it is new.

    `data` are the training images. Raises AuditError if a frozen tensor differs from the base's.
    """
    inputs: dict[str, object] = {
        "weights_sha256": base.sha256,
        "tuned_sha256": tuned.sha256(CHECKPOINT),
        "freeze": arm.freeze,
        "alpha": alpha,
        "statistics": training.interpolate_bn,
    }
    if training.interpolate_bn == "reestimate":
        inputs |= {"data_sha256": data.sha256, "imgsz": training.imgsz, "batch": training.train_batch}
        inputs |= {"images": STATISTICS_IMAGES, "device": training.device.partition(":")[0]}
    return store.produce(KIND, inputs, partial(_build, training, arm, alpha, tuned, base, data))


def _build(
    training: TrainingOptions,
    arm: Arm,
    alpha: float,
    tuned: Artifact,
    base: Checkpoint,
    data: DetectionSet,
    folder: Path,
) -> dict[str, object]:
    began = time.monotonic()
    model = blend(base.model, load_tuned(tuned).model, alpha, arm.freeze)
    if training.interpolate_bn == "reestimate":
        reestimate_statistics(model, arm.freeze, data, training)
    audit = audit_frozen(base.model, model, arm.freeze, training.frozen_bn, half=base.half)
    save_checkpoint(folder / CHECKPOINT, model, half=base.half)
    return dict(tuned.facts) | {
        "seconds": time.monotonic() - began,
        "audit": dict(tuned.facts["audit"]) | asdict(audit),
        "shared_with": [],
        "recipe": {"name": arm.recipe.name, "alpha": alpha, "statistics": training.interpolate_bn},
        "weights": f"base + {alpha:g} (tuned - base) of the training whose facts these are",
    }


def blend(base: nn.Module, tuned: nn.Module, alpha: float, freeze: int) -> nn.Module:
    """A detector with the tuned head, and layers `freeze`.. (with statistics) between base (alpha 0) and tuned (1)."""
    model = deepcopy(tuned)
    originals = base.state_dict()
    head = f"model.{len(model.model) - 1}."
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not name.startswith(head) and int(name.split(".")[1]) >= freeze and tensor.is_floating_point():
                tensor.copy_(torch.lerp(originals[name].to(tensor), tensor, alpha))
    return model


def reestimate_statistics(model: nn.Module, freeze: int, data: DetectionSet, training: TrainingOptions) -> None:
    """Measure the BatchNorm statistics of layers `freeze`.. again, in place; frozen layers keep theirs."""
    device = torch.device(training.device)
    layers = model.model
    model.to(device).eval()
    norms = [m for layer in layers[freeze:] for m in layer.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average: all batches have equal weight
        norm.train()
    kept = frozenset(model.save)
    whole = len(data.images) // training.train_batch * training.train_batch or len(data.images)  # no small last batch
    images = data.images[: min(whole, STATISTICS_IMAGES)]
    with torch.no_grad():
        for batch in load_batches(images, imgsz=training.imgsz, batch=training.train_batch, workers=training.workers):
            run_layers(layers, torch.from_numpy(batch.images).to(device), {}, kept)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
