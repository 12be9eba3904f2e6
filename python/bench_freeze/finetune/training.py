"""Training the arms that share a data order: missing ones only, from where a killed run left them, each an artifact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from ..artifact import Artifact, ArtifactStore, artifact_key
from ..config.training import TrainingOptions
from ..data.dataset import DetectionSet
from ..data.subset import nested_subset
from ..dualhead.checkpoint import Checkpoint
from ..dualhead.quiet import quiet_ultralytics
from ..environment import package_versions
from ..errors import InputError
from ..results.recipe import REPLAY
from .arm import KIND, Arm, training_inputs
from .progress import Progress, ProgressStore

OnEpoch = Callable[[int, int], None]


def fine_tune(
    training: TrainingOptions,
    arms: list[Arm],
    base: Checkpoint,
    data: DetectionSet,
    store: ArtifactStore,
    on_epoch: OnEpoch,
    replay: DetectionSet | None = None,
    failed: dict[Arm, Exception] | None = None,
) -> list[tuple[Artifact, bool]]:
    """The fine-tuned checkpoint of every arm, and whether it had to be trained. The arms have one data order.

    An arm whose training failed on its own is put into `failed` and left out of the answer; without it that raises.
    `replay` are base images in the base head's classes, for arms that see some of them again.
    An artifact holds `tuned.pt` (the precision of the base checkpoint) and `epochs.csv`; its facts have seconds, peak
    memory, requested, effective and changed arguments, the head's start and the audit. Raises AuditError when a frozen
    tensor moved: nothing of that arm is kept then.
    """
    replay_sets = _replay_sets(arms, replay)
    inputs = _inputs_of(training, arms, base, data, replay_sets)
    missing = {arm: artifact_key(KIND, inputs[arm]) for arm in arms if store.find(KIND, inputs[arm]) is None}
    progress = ProgressStore(store.folder, store.warn)
    if missing:
        quiet_ultralytics()
        from .lockstep import Lockstep
    for group in _groups(training, missing, progress):
        lockstep = Lockstep(training, group, missing, base, data, replay_sets, progress)
        lost = lockstep.train(store, inputs, on_epoch)
        if failed is not None:
            failed.update(lost)
        elif lost:
            raise next(iter(lost.values()))
    found = []
    for arm in arms:
        if failed is not None and arm in failed:
            continue
        artifact = store.find(KIND, inputs[arm])
        if artifact is None:
            raise InputError(
                f"the artifact of {arm.name} vanished from {store.folder} while the study ran; run it again."
            )
        found.append((artifact, arm in missing))
    return found


def untrained(
    training: TrainingOptions,
    arms: list[Arm],
    base: Checkpoint,
    data: DetectionSet,
    store: ArtifactStore,
    replay: DetectionSet | None,
) -> list[Arm]:
    """Those of the arms that have no artifact yet."""
    inputs = _inputs_of(training, arms, base, data, _replay_sets(arms, replay))
    return [arm for arm in arms if store.find(KIND, inputs[arm]) is None]


def _inputs_of(
    training: TrainingOptions,
    arms: list[Arm],
    base: Checkpoint,
    data: DetectionSet,
    replay_sets: dict[Arm, DetectionSet],
) -> dict[Arm, dict[str, Any]]:
    versions = package_versions("torch", "ultralytics")
    replay_hashes = {arm: replayed.sha256 for arm, replayed in replay_sets.items()}
    # What an earlier version built from the yaml instead is not found again.
    modules = {"own_modules": base.own_modules} if base.own_modules is not None else {}
    return {
        arm: training_inputs(training, arm, base.sha256, data.sha256, versions, replay_hashes.get(arm)) | modules
        for arm in arms
    }


def _replay_sets(arms: list[Arm], replay: DetectionSet | None) -> dict[Arm, DetectionSet]:
    """The base images that each replay arm sees again: nested shares, the same for all depths of a seed."""
    shares = {arm: arm.recipe.amount for arm in arms if arm.recipe.family == REPLAY}
    if replay is None and shares:
        raise InputError("a replay arm needs images to replay; name some with --replay-set.")
    return {
        arm: nested_subset(replay, share, arm.seed)
        for arm, share in shares.items()
        if share is not None and replay is not None
    }


def _groups(
    training: TrainingOptions, missing: dict[Arm, str], progress: ProgressStore
) -> Iterator[list[tuple[Arm, Progress | None]]]:
    """Arms that stand at the same epoch train together; without sharing, each trains alone."""
    found = [(arm, progress.load(key)) for arm, key in missing.items()]
    if not training.share:
        yield from ([one] for one in found)
        return
    found.sort(key=_epoch_of)
    for _, group in groupby(found, key=_epoch_of):
        yield list(group)


def _epoch_of(item: tuple[Arm, Progress | None]) -> int:
    return item[1].epoch if item[1] is not None else 0
