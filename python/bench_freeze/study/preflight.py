"""Try a checkpoint before any training: it must match its own forward, take a new head, and keep its output."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config.deployment import DeploymentOptions
from ..config.study import Study
from ..config.training import TrainingOptions
from ..deployment.deployment import Candidate
from ..deployment.unchanged import compare_base_output
from ..dualhead.checkpoint import Checkpoint
from ..errors import AuditError, BenchFreezeError, InputError
from ..export.parity import compare_engines


def check_start(study: Study, base: Checkpoint, head: str, names: tuple[str, ...], images: NDArray[np.float32]) -> None:
    """Try one checkpoint on real images [N, 3, S, S], with a fresh head for the classes `names`.

    `head` names the checkpoint in messages. Raises InputError when it does not run, when its output in the form that
    the tool runs differs from that of its own forward, when it cannot get a new head, or when a branched model of it
    would not keep the base output.
    """
    import torch

    tried = images[[0, -1]] if len(images) > 2 else images
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            _check_own_output(study.deployment, base, tried)
            start = fresh_start(study.training, base, names)
            if "branched" in study.deployment.construction:
                freeze = max(study.training.freeze or base.layers.default_depths())
                compare_base_output(
                    Candidate("branched", base, start, freeze, study.deployment.head_branch),
                    study.deployment.imgsz,
                    tried,
                )
    except InputError as error:
        raise InputError(f"{head}: {error}") from None
    except AuditError as error:
        raise InputError(f"{head} cannot be studied: {error}") from None
    except BenchFreezeError:
        raise
    except Exception as error:  # a checkpoint's modules may raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{head} cannot be studied: its layers do not run on images of {study.training.imgsz} pixels, one after "
            f"the other ({type(error).__name__}: {reason}); give a checkpoint that Ultralytics runs."
        ) from None


def fresh_start(training: TrainingOptions, base: Checkpoint, names: tuple[str, ...]) -> Checkpoint:
    """The model that a training would start from, rounded to the precision of the file."""
    from ..finetune.head_init import from_backbone, from_scratch, with_new_head

    if training.scratch:
        from_scratch(base.model, names)
    if base.taken is not None:
        model, _ = from_backbone(base.model, names, base.taken.layers)
    else:
        model, _ = with_new_head(base.model, base.class_names, names, training.head_init)
    if base.half:
        model = model.half().float()
    return replace(base, model=model.eval(), class_names=names)


def _check_own_output(deployment: DeploymentOptions, base: Checkpoint, images: NDArray[np.float32]) -> None:
    """Raise AuditError unless running layer by layer, with BatchNorm folded, matches the checkpoint's own forward."""
    from copy import deepcopy

    from torch import nn

    from ..dualhead.branch import choose_branch
    from ..dualhead.model import predictions
    from ..engines.torch_engine import TorchEngine

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.detector = choose_branch(deepcopy(base.model), deployment.head_branch).eval()

        def forward(self, x: Any) -> tuple[Any]:
            return (predictions(self.detector(x)),)

    candidate = Candidate("original", base, head_branch=deployment.head_branch)
    card = candidate.card(deployment.imgsz, None)
    whole, ours = (TorchEngine(module, card, "cpu") for module in (Whole(), candidate.module()))
    try:
        compare_engines(whole, ours, images)
    except AuditError as error:
        raise AuditError(
            "with BatchNorm folded and its layers run one after the other its output differs from that of its own "
            f"forward ({error})"
        ) from None
