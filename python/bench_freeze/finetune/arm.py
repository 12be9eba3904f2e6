"""One arm of a study: what is asked for, what its weights depend on, what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..artifact import Artifact
from ..dualhead.checkpoint import Checkpoint, load_checkpoint
from ..recipe import STATIC
from ..spec import Study

KIND = "tuned"  # of the artifact
CHECKPOINT = "tuned.pt"
EPOCHS = "epochs.csv"  # mean losses and learning rates per epoch, seconds of this arm's own work so far


@dataclass(frozen=True)
class Arm:
    """A freeze depth, a seed, a recipe and the share of the training images that are seen."""

    freeze: int
    seed: int
    recipe: str = STATIC
    data_fraction: float = 1.0

    @property
    def data_order(self) -> tuple[int, float]:
        """Arms in which this is equal see the same batches."""
        return self.seed, self.data_fraction

    @property
    def name(self) -> str:
        """The arm in a message or a title."""
        recipe = "" if self.recipe == STATIC else f" {self.recipe}"
        share = "" if self.data_fraction == 1 else f" on {self.data_fraction:g} of the images"
        return f"freeze {self.freeze} seed {self.seed}{recipe}{share}"


def requested_arguments(study: Study, arm: Arm) -> dict[str, Any]:
    """The training arguments that the user asked for, in Ultralytics' names."""
    asked: dict[str, Any] = {
        "epochs": study.epochs,
        "batch": study.train_batch,
        "imgsz": study.imgsz,
        "optimizer": study.optimizer,
        "freeze": arm.freeze,
        "seed": arm.seed,
        "amp": False,  # Ultralytics' check of mixed precision downloads a model; --train-args amp=bf16 needs no check
        "deterministic": True,
    }
    if study.lr0 is not None:
        asked["lr0"] = study.lr0
    return asked | dict(study.train_args)


def changed_arguments(requested: Mapping[str, Any], effective: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Arguments that did not run as asked: name -> (requested, effective)."""
    changed = {}
    for name, asked in requested.items():
        got = effective.get(name, asked)
        if name == "optimizer" and str(asked).lower() == "auto":
            continue  # a choice was asked for; what was chosen stands among the effective arguments
        alike = str(got).lower() == str(asked).lower() if isinstance(asked, str) else got == asked
        if not alike:
            changed[name] = (asked, got)
    return changed


def training_inputs(
    study: Study, arm: Arm, weights_sha256: str, data_sha256: str, versions: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that an arm's weights depend on; an option counts only where it differs from its default."""
    return {
        "weights_sha256": weights_sha256,
        "data_sha256": data_sha256,
        "arguments": requested_arguments(study, arm),
        "head_init": study.head_init,
        "frozen_bn": study.frozen_bn,
        "device": study.device.partition(":")[0],
        "versions": dict(versions),
    }


def load_tuned(artifact: Artifact) -> Checkpoint:
    """The fine-tuned detector of an artifact."""
    return load_checkpoint(artifact.path(CHECKPOINT))
