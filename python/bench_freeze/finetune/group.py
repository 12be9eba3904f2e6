"""A training group as a value: the arms that train together, and everything that their weights depend on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeVar

from ..artifact import artifact_key
from ..config.training import TrainingOptions
from ..data.dataset import DetectionSet
from ..data.subset import nested_subset
from ..dualhead.checkpoint import Checkpoint
from ..environment import package_versions
from ..errors import InputError
from ..results.recipe import REPLAY
from .arm import KIND, Arm, training_inputs
from .held_out import HeldOut
from .progress import Progress, ProgressStore

Item = TypeVar("Item")


@dataclass(frozen=True)
class Member:
    """One arm: the inputs of its artifact, the base images that it replays, and the progress that a killed run left."""

    arm: Arm
    inputs: Mapping[str, object]
    replayed: DetectionSet | None
    progress: Progress | None = None

    @property
    def key(self) -> str:
        """The key of the artifact that the training produces."""
        return artifact_key(KIND, self.inputs)

    @property
    def finished_epochs(self) -> int:
        """How many epochs an earlier run finished."""
        return 0 if self.progress is None else self.progress.epoch


@dataclass(frozen=True)
class TrainingGroup:
    """Members with the same data order that have finished the same number of epochs, and their common inputs."""

    training: TrainingOptions
    base: Checkpoint
    data: DetectionSet
    members: tuple[Member, ...]
    held_out: HeldOut | None = None  # what the members are scored on while they train

    @property
    def reads_images(self) -> bool:
        """Whether some arm runs all of its layers on the images, at least in its last stage."""
        return any(member.arm.freeze == 0 for member in self.members)

    @property
    def names(self) -> str:
        """The names of its arms, for messages."""
        return ", ".join(member.arm.name for member in self.members)


def members_of(
    training: TrainingOptions,
    arms: Iterable[Arm],
    base: Checkpoint,
    data: DetectionSet,
    replay: DetectionSet | None,
    held_out: HeldOut | None = None,
) -> list[Member]:
    """The arms with everything their weights depend on. Raises InputError for a replay arm without images to replay."""
    versions = package_versions("torch", "ultralytics")
    # In the key, so that an artifact that an earlier version built from the yaml instead is not reused.
    modules = {"own_modules": base.own_modules} if base.own_modules is not None else {}
    looked_at = {} if held_out is None else {"held_out": held_out.key(training, base.model)}
    members = []
    for arm in arms:
        replayed = _replayed(arm, replay)
        sha256 = None if replayed is None else replayed.sha256
        inputs = training_inputs(training, arm, base.sha256, data.sha256, versions, sha256) | modules | looked_at
        members.append(Member(arm, inputs, replayed))
    return members


def groups_of(
    training: TrainingOptions,
    base: Checkpoint,
    data: DetectionSet,
    members: Iterable[Member],
    progress: ProgressStore,
    held_out: HeldOut | None = None,
) -> Iterator[TrainingGroup]:
    """Group the members: those at the same epoch train together; without sharing, each trains alone."""
    found = [replace(member, progress=progress.load(member.key)) for member in members]
    if not training.share:
        yield from (TrainingGroup(training, base, data, (one,), held_out) for one in found)
        return
    found.sort(key=lambda member: member.finished_epochs)
    for _, together in groupby(found, key=lambda member: member.finished_epochs):
        yield TrainingGroup(training, base, data, tuple(together), held_out)


def halved(items: Sequence[Item]) -> tuple[Sequence[Item], Sequence[Item]]:
    """Split a sequence into halves; if the number of items is odd, the first half is larger."""
    middle = (len(items) + 1) // 2
    return items[:middle], items[middle:]


def _replayed(arm: Arm, replay: DetectionSet | None) -> DetectionSet | None:
    """The base images that a replay arm sees again. Shares are nested, and equal for all depths of a seed."""
    if arm.recipe.family != REPLAY:
        return None
    if replay is None:
        raise InputError("a replay arm needs images to replay; name some with --replay-set.")
    return None if arm.recipe.amount is None else nested_subset(replay, arm.recipe.amount, arm.seed)
