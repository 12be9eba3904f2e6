"""Trains the arms that share a data order: only the missing ones, resumed after a killed run, each into an artifact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..artifact import Artifact, ArtifactStore
from ..config.training import TrainingOptions
from ..console import Tell, nobody
from ..data.dataset import DetectionSet
from ..dualhead.checkpoint import Checkpoint
from ..dualhead.quiet import quiet_ultralytics
from ..errors import BenchFreezeError, InputError
from .arm import KIND, Arm
from .failures import OutOfMemory
from .group import Member, TrainingGroup, groups_of, halved, members_of
from .held_out import HeldOut
from .memory import give_back
from .progress import ProgressStore

if TYPE_CHECKING:
    from .lockstep import TrainedGroup

OnEpoch = Callable[[int, int], None]


def no_epoch(done: int, total: int) -> None:
    """Ignore the count of epochs."""


def fine_tune(
    training: TrainingOptions,
    arms: list[Arm],
    base: Checkpoint,
    data: DetectionSet,
    store: ArtifactStore,
    on_epoch: OnEpoch,
    replay: DetectionSet | None = None,
    on_batch: Tell = nobody,
    held_out: HeldOut | None = None,
) -> list[tuple[Artifact, bool]]:
    """Return the artifact of every arm, and whether it had to be trained. All arms have the same data order.

    `replay` are base images in the base head's classes, for arms that replay some of them. `held_out` are images that
    the arms are scored on while they train; `data` must not contain them.

    An artifact holds `tuned.pt` (in the base checkpoint's precision) and `epochs.csv`. Its facts include seconds, peak
    memory, the requested, effective and changed arguments, the head's start and the audit. If the training of an arm
    fails, raises its error after the other arms of the group were kept; AuditError if a frozen tensor changed.
    """
    members = members_of(training, arms, base, data, replay, held_out)
    missing = _missing(members, store)
    for errors in _train(training, base, data, missing, store, on_epoch, on_batch, held_out):
        if errors:
            raise next(iter(errors.values()))
    trained = {member.arm for member in missing}
    return [(_found(member, store), member.arm in trained) for member in members]


def train_until(
    training: TrainingOptions,
    arms: list[Arm],
    base: Checkpoint,
    data: DetectionSet,
    store: ArtifactStore,
    until: int,
    replay: DetectionSet | None = None,
    on_batch: Tell = nobody,
    held_out: HeldOut | None = None,
) -> bool:
    """Train the arms to the end of epoch `until` and save their progress. Returns whether any had to be trained.

    All arms have the same data order. An arm that is already that far, or finished, is left as it is. If `until` is the
    last epoch, this is `fine_tune`. Raises the error of an arm whose training failed.
    """
    missing = _missing(members_of(training, arms, base, data, replay, held_out), store)
    has_trained = False
    for errors in _train(training, base, data, missing, store, no_epoch, on_batch, held_out, until):
        has_trained = True
        if errors:
            raise next(iter(errors.values()))
    return has_trained


def fine_tune_all_that_can(
    training: TrainingOptions,
    arms: list[Arm],
    base: Checkpoint,
    data: DetectionSet,
    store: ArtifactStore,
    on_epoch: OnEpoch,
    replay: DetectionSet | None = None,
    on_batch: Tell = nobody,
) -> tuple[dict[Arm, Artifact], bool]:
    """Like `fine_tune`, but an arm whose training fails is left out, and the others continue.

    Returns the artifacts, and whether any arm was trained in this call.
    """
    members = members_of(training, arms, base, data, replay)
    missing, failed = _missing(members, store), set[Arm]()
    for errors in _train(training, base, data, missing, store, on_epoch, on_batch, None):
        failed |= errors.keys()
    return {member.arm: _found(member, store) for member in members if member.arm not in failed}, bool(missing)


def untrained(
    training: TrainingOptions,
    arms: list[Arm],
    base: Checkpoint,
    data: DetectionSet,
    store: ArtifactStore,
    replay: DetectionSet | None,
    held_out: HeldOut | None = None,
) -> list[Arm]:
    """The arms that have no artifact yet."""
    return [member.arm for member in _missing(members_of(training, arms, base, data, replay, held_out), store)]


def _missing(members: Sequence[Member], store: ArtifactStore) -> list[Member]:
    return [member for member in members if store.find(KIND, member.inputs) is None]


def _train(
    training: TrainingOptions,
    base: Checkpoint,
    data: DetectionSet,
    missing: Sequence[Member],
    store: ArtifactStore,
    on_epoch: OnEpoch,
    on_batch: Tell,
    held_out: HeldOut | None,
    until: int | None = None,
) -> Iterator[dict[Arm, BenchFreezeError]]:
    """Train group after group and keep the results; yields the errors of each group's arms.

    With `until`, groups pause after that epoch, and groups that are already that far are skipped. A group that does not
    fit into memory continues in halves from its last border between two epochs, down to a single arm.
    """
    if not missing:
        return
    quiet_ultralytics()
    from .lockstep import train_group
    from .outcome import keep_trained

    progress = ProgressStore(store.folder, store.warn)
    end = training.epochs if until is None else min(until, training.epochs)

    def groups(members: Sequence[Member]) -> list[TrainingGroup]:
        found = groups_of(training, base, data, members, progress, held_out)
        return [group for group in found if group.members[0].finished_epochs < end]

    def kept(trained: TrainedGroup) -> dict[Arm, BenchFreezeError]:
        return keep_trained(trained, store, progress) if end == training.epochs else trained.errors

    waiting = groups(missing)
    while waiting:
        group = waiting.pop(0)
        halves: Sequence[Sequence[Member]] = ()
        try:
            # No variable holds the result, so that its device memory is free when the next group begins.
            errors = kept(train_group(group, store, progress, on_epoch, on_batch, end))
        except OutOfMemory:
            if len(group.members) == 1:
                raise
            halves = halved(group.members)
        else:
            yield errors
        give_back(training.device)  # after the handler, since the error keeps everything on the device alive
        if halves:
            store.warn(_split_in_words(group, halves))
            waiting = [smaller for half in halves for smaller in groups(half)] + waiting


def _split_in_words(group: TrainingGroup, halves: Sequence[Sequence[Member]]) -> str:
    """The message about a group that did not fit into memory."""
    parts = " and ".join(str(len(half)) for half in halves)
    return (
        f"{len(group.members)} arms together do not fit into the memory of {group.training.device} ({group.names}); "
        f"they continue as {parts}, from the end of their last epoch, and end with the same weights."
    )


def _found(member: Member, store: ArtifactStore) -> Artifact:
    artifact = store.find(KIND, member.inputs)
    if artifact is None:
        raise InputError(
            f"the artifact of {member.arm.name} vanished from {store.folder} while the study ran; run it again."
        )
    return artifact
