"""One arm of a study: one training at one freeze depth with one seed, audited, kept as an artifact."""

from __future__ import annotations

import contextlib
import io
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..artifact import Artifact, ArtifactStore
from ..data.dataset import DetectionSet
from ..dualhead.checkpoint import Checkpoint, load_checkpoint, quiet_ultralytics, save_checkpoint
from ..environment import package_versions, usable_cores
from ..errors import BenchFreezeError, InputError
from ..measure.memory import PeakMemory
from ..recipe import STATIC
from ..spec import Study

CHECKPOINT = "tuned.pt"
EPOCHS = "epochs.csv"  # losses and learning rates per epoch, as Ultralytics writes them


@dataclass(frozen=True)
class Arm:
    """A freeze depth, a seed, a recipe and the share of the training images that are seen."""

    freeze: int
    seed: int
    recipe: str = STATIC
    data_fraction: float = 1.0


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


def fine_tune(
    study: Study,
    arm: Arm,
    base: Checkpoint,
    data: DetectionSet,
    store: ArtifactStore,
    on_epoch: Callable[[int, int], None],
) -> tuple[Artifact, bool]:
    """The fine-tuned checkpoint of an arm, and whether it had to be trained.

    The artifact holds `tuned.pt` (the precision of the base checkpoint) and `epochs.csv`; its facts have seconds, peak
    memory, requested, effective and changed arguments, the head's start and the audit. Raises AuditError when a frozen
    tensor moved: nothing is kept then.
    """
    requested = requested_arguments(study, arm)
    inputs = training_inputs(study, arm, base.sha256, data.sha256, package_versions("torch", "ultralytics"))
    return store.produce("tuned", inputs, lambda folder: _train(study, arm, requested, base, data, folder, on_epoch))


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


def _train(
    study: Study,
    arm: Arm,
    requested: dict[str, Any],
    base: Checkpoint,
    data: DetectionSet,
    folder: Path,
    on_epoch: Callable[[int, int], None],
) -> dict[str, Any]:
    quiet_ultralytics()
    from .audit import audit_frozen
    from .head_init import HeadStart, with_new_head
    from .trainer import FreezeTrainer, overrides_for

    start: list[HeadStart] = []

    def build_model() -> Any:
        model, head_start = with_new_head(base.model, base.class_names, data.class_names, study.head_init)
        start.append(head_start)
        return model

    scratch = folder / "scratch"
    began = time.monotonic()
    with PeakMemory(study.device) as memory, contextlib.redirect_stdout(io.StringIO()):
        try:
            trainer = FreezeTrainer(
                overrides_for(scratch, device=study.device.removeprefix("cuda:"), **requested),
                data_set=data,
                build_model=build_model,
                frozen_bn=study.frozen_bn,
                on_epoch=on_epoch,
            )
        except (SyntaxError, ValueError, TypeError) as error:  # Ultralytics' check of its arguments
            raise InputError(f"Ultralytics refuses a training argument: {_one_line(error)}") from None
        try:
            trainer.train()
        except (NotImplementedError, FileNotFoundError) as error:
            raise InputError(f"the training could not start: {_one_line(error)}") from None
        except RuntimeError as error:
            if "out of memory" in str(error).lower():
                raise InputError(
                    f"the training ran out of memory; lower --train-batch (now {study.train_batch})."
                ) from None
            raise BenchFreezeError(f"the training at freeze {arm.freeze} failed: {_one_line(error)}") from error
    seconds = time.monotonic() - began
    tuned = trainer.tuned_model()
    audit = audit_frozen(base.model, tuned, arm.freeze, study.frozen_bn, half=base.half)
    if trainer.csv.exists():
        shutil.copyfile(trainer.csv, folder / EPOCHS)
    shutil.rmtree(scratch, ignore_errors=True)
    save_checkpoint(folder / CHECKPOINT, tuned, half=base.half)
    effective = trainer.effective_arguments()
    return {
        "seconds": seconds,
        "peak_bytes": memory.peak_bytes,
        "requested": requested,
        "effective": effective,
        "changed": {k: list(v) for k, v in changed_arguments(requested, effective).items()},
        "head_start": asdict(start[-1]),
        "audit": asdict(audit),
        "weights": "moving average (EMA) after the last epoch",
        "threads": usable_cores() if study.device == "cpu" else None,  # sums round differently with another number
    }


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
