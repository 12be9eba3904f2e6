"""Models between the base and a tuned one: an alpha sweep that costs no training (WiSE-FT, Wortsman et al. 2022).

Parameters of the layers that trained become base + alpha (tuned - base); the frozen ones are equal anyway. The new head
has no counterpart in the base model, so it is the tuned one's at every alpha.

BatchNorm's running statistics are mixed like parameters (`interpolate`, the default), so that alpha 0 is the base model
and alpha 1 the tuned one; between them neither mean nor variance is exact, which matters little where the two models
are near. `reestimate` measures them anew: cumulative averages over training images of the target set, letterboxed,
without augmentation, as a forward pass in training mode sees them. Those fit the target set and not the base set, whose
mAP then falls at every alpha, 0 included.
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
from ..config.study import Study
from ..data.dataset import DetectionSet
from ..data.loader import load_batches
from ..dualhead.checkpoint import Checkpoint, save_checkpoint
from ..dualhead.model import run_layers
from .arm import CHECKPOINT, KIND, Arm, load_tuned
from .audit import audit_frozen

STATISTICS_IMAGES = 256


def interpolated(
    study: Study, arm: Arm, alpha: float, tuned: Artifact, base: Checkpoint, data: DetectionSet, store: ArtifactStore
) -> tuple[Artifact, bool]:
    """The model at `alpha` between the base and the static arm's `tuned`, as an artifact like a training's.

    `data` are the training images. Raises AuditError when a frozen tensor differs from the base's.
    """
    inputs: dict[str, object] = {
        "weights_sha256": base.sha256,
        "tuned_sha256": tuned.sha256(CHECKPOINT),
        "freeze": arm.freeze,
        "alpha": alpha,
        "statistics": study.interpolate_bn,
    }
    if study.interpolate_bn == "reestimate":
        inputs |= {"data_sha256": data.sha256, "imgsz": study.imgsz, "batch": study.train_batch}
        inputs |= {"images": STATISTICS_IMAGES, "device": study.device.partition(":")[0]}
    return store.produce(KIND, inputs, partial(_build, study, arm, alpha, tuned, base, data))


def _build(
    study: Study, arm: Arm, alpha: float, tuned: Artifact, base: Checkpoint, data: DetectionSet, folder: Path
) -> dict[str, object]:
    began = time.monotonic()
    model = blend(base.model, load_tuned(tuned).model, alpha, arm.freeze)
    if study.interpolate_bn == "reestimate":
        reestimate_statistics(model, arm.freeze, data, study)
    audit = audit_frozen(base.model, model, arm.freeze, study.frozen_bn, half=base.half)
    save_checkpoint(folder / CHECKPOINT, model, half=base.half)
    return dict(tuned.facts) | {
        "seconds": time.monotonic() - began,
        "audit": dict(tuned.facts["audit"]) | asdict(audit),
        "shared_with": [],
        "recipe": {"name": arm.recipe.name, "alpha": alpha, "statistics": study.interpolate_bn},
        "weights": f"base + {alpha:g} (tuned - base) of the training whose facts these are",
    }


def blend(base: nn.Module, tuned: nn.Module, alpha: float, freeze: int) -> nn.Module:
    """A detector with the tuned head and layers `freeze`.. between base (alpha 0) and tuned (1), statistics too."""
    model = deepcopy(tuned)
    originals = base.state_dict()
    head = f"model.{len(model.model) - 1}."
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not name.startswith(head) and int(name.split(".")[1]) >= freeze and tensor.is_floating_point():
                tensor.copy_(torch.lerp(originals[name].to(tensor), tensor, alpha))
    return model


def reestimate_statistics(model: nn.Module, freeze: int, data: DetectionSet, study: Study) -> None:
    """Measure the BatchNorm statistics of layers `freeze`.. anew; those of frozen layers stay."""
    device = torch.device(study.device)
    layers = model.model
    model.to(device).eval()
    norms = [m for layer in layers[freeze:] for m in layer.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average: every batch counts alike
        norm.train()
    kept = frozenset(model.save)
    whole = len(data.images) // study.train_batch * study.train_batch or len(data.images)  # no small last batch
    images = data.images[: min(whole, STATISTICS_IMAGES)]
    with torch.no_grad():
        for batch in load_batches(images, imgsz=study.imgsz, batch=study.train_batch, workers=study.workers):
            run_layers(layers, torch.from_numpy(batch.images).to(device), {}, kept)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
