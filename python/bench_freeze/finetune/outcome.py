"""What is kept of a training, as an artifact: the audited checkpoint, the log of its epochs and its facts."""

from __future__ import annotations

import csv
from dataclasses import asdict
from functools import partial
from pathlib import Path

import msgspec

from ..artifact import ArtifactStore
from ..cores import usable_cores
from ..dualhead.checkpoint import save_checkpoint
from ..errors import AuditError, BenchFreezeError
from ..results.training_curves import HeldOutCurve
from .arm import CHECKPOINT, EPOCHS, KIND, Arm, changed_arguments, recipe_options, requested_arguments
from .audit import audit_frozen, audit_resting, audit_trained
from .lockstep import TrainedGroup, TrainedMember
from .progress import ProgressStore


def keep_trained(trained: TrainedGroup, store: ArtifactStore, progress: ProgressStore) -> dict[Arm, BenchFreezeError]:
    """Write an artifact for every member and delete its progress. Returns the errors of members that failed.

    A member whose audit fails is not kept; the others are kept before the study ends with that error.
    """
    errors: dict[Arm, BenchFreezeError] = {}
    for one in trained.members:
        error = one.error if one.error is not None else _keep(trained, one, store)
        progress.remove(one.member.key)
        if error is not None:
            errors[one.member.arm] = error
    return errors


def _keep(trained: TrainedGroup, one: TrainedMember, store: ArtifactStore) -> AuditError | None:
    try:
        facts = _facts(trained, one)
        store.produce(KIND, one.member.inputs, partial(_write, trained, one, facts))
    except AuditError as error:
        return error
    return None


def _facts(trained: TrainedGroup, one: TrainedMember) -> dict[str, object]:
    """Audit a member and collect its facts. Raises AuditError if a frozen weight changed or a trained layer did not."""
    training, base = trained.group.training, trained.group.base
    member, trainee, trainer = one.member, one.trainee, one.trainee.trainer
    arm, tuned = member.arm, trainer.tuned_model()
    audit = audit_frozen(base.model, tuned, arm.freeze, training.frozen_bn, half=base.half)
    resting = audit_resting(base.model, trainee.start, tuned, trainee.resting, half=base.half)
    moved = audit_trained(trainee.start, tuned, arm.freeze, trainee.resting)
    requested = requested_arguments(training, arm)
    effective = trainer.effective_arguments(resting)
    held_out, course = trained.group.held_out, trainee.course
    curve = None if held_out is None or course is None else course.curve(held_out, len(trainee.log))
    return {
        "seconds": trainee.seconds,
        "peak_bytes": trained.peak_bytes,
        "shared_with": [other.arm.name for other in trained.group.members if other is not member],
        "requested": requested,
        "effective": effective,
        "changed": {k: list(v) for k, v in changed_arguments(requested, effective).items()},
        "head_start": asdict(trainer.head_start),
        "audit": asdict(audit) | asdict(moved) | ({"resting_parameters": resting} if resting else {}),
        "recipe": recipe_options(training, arm)
        | {"stages": [list(stage) for stage in trainee.stages]}
        | trainee.recipe_facts
        | ({} if member.replayed is None else {"memory_images": len(member.replayed.images)}),
        "weights": f"moving average (EMA) after {_kept_epoch(curve)}",
        **({} if curve is None else {"held_out": msgspec.to_builtins(curve)}),
        "threads": usable_cores() if training.device == "cpu" else None,  # with another number, sums round differently
    }


def _kept_epoch(curve: HeldOutCurve | None) -> str:
    if curve is not None and curve.keep == "best":
        return f"epoch {curve.kept_epoch}, the best by held-out target mAP"
    if curve is not None and curve.stopped:
        return f"epoch {curve.kept_epoch}, where patience ended the training"
    return "the last epoch"


def _write(trained: TrainedGroup, one: TrainedMember, facts: dict[str, object], folder: Path) -> dict[str, object]:
    save_checkpoint(folder / CHECKPOINT, one.trainee.trainer.tuned_model(), half=trained.group.base.half)
    log = one.trainee.log
    with (folder / EPOCHS).open("w", newline="") as stream:
        columns = dict.fromkeys(name for row in log for name in row)  # fewer in rows that an earlier version wrote
        rows = csv.DictWriter(stream, fieldnames=list(columns))
        rows.writeheader()
        rows.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in log)
    return facts
