"""Train one group in lockstep: set it up, resume it where it stopped, and train to the last epoch or to a pause."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass

from ultralytics.utils.torch_utils import unset_deterministic

from ..artifact import ArtifactStore
from ..console import Details, Tell, nobody
from ..errors import BenchFreezeError
from ..measure.memory import PeakMemory
from .arm import Arm, requested_arguments
from .data_order import DataOrder
from .failures import training_sentences
from .group import Member, TrainingGroup
from .looks import Looks
from .loop import train_in_lockstep
from .precision import float32_as_asked, precision_of
from .progress import Progress, ProgressStore
from .set_up import go_on, set_up, trunk_of
from .trainee import Trainee

OnEpoch = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainedMember:
    """A member with its trainee after the training; `error` is set if the member failed and left the group early."""

    member: Member
    trainee: Trainee
    error: BenchFreezeError | None


@dataclass(frozen=True)
class TrainedGroup:
    """The result of a lockstep training: its members in order, and the peak memory of the whole group in bytes."""

    group: TrainingGroup
    members: tuple[TrainedMember, ...]
    peak_bytes: int | None

    @property
    def errors(self) -> dict[Arm, BenchFreezeError]:
        """The errors of the members that failed, by arm."""
        return {one.member.arm: one.error for one in self.members if one.error is not None}


def train_group(
    group: TrainingGroup,
    store: ArtifactStore,
    progress: ProgressStore,
    on_epoch: OnEpoch,
    on_batch: Tell = nobody,
    until: int | None = None,
) -> TrainedGroup:
    """Train the group. After every epoch but the last its progress is saved; `on_epoch` gets (finished, total) epochs.

    With `until` the training pauses after that epoch. Only the saved progress remains, and a later call continues from
    it.
    """
    training, epochs = group.training, group.training.epochs
    last = epochs if until is None else min(until, epochs)
    precision = precision_of(requested_arguments(training, group.members[0].arm)["amp"], training.device)
    try:
        with (
            store.scratch("training") as scratch,
            PeakMemory(training.device) as memory,
            float32_as_asked(precision, training.device),
            contextlib.redirect_stdout(io.StringIO()),
            training_sentences(group),
            contextlib.ExitStack() as running,  # close workers and files before an error is turned into a sentence
        ):
            trainees = set_up(group, scratch)
            order = running.enter_context(contextlib.closing(DataOrder(trainees[0].trainer)))
            trunk = running.enter_context(contextlib.closing(trunk_of(group, scratch, trainees[0].trainer)))
            start = go_on(group, trainees, order)
            batches, reached = len(order), start

            def tell(details: Details) -> None:
                on_batch(reached * batches, last * batches, details)

            looks = None if group.held_out is None else Looks(group, group.held_out, trainees[0].trainer.device, tell)
            if looks is not None and start == 0:
                looks.look(trainees, 0)

            def at_border(done: int) -> None:
                nonlocal reached
                reached = done
                if looks is not None:
                    looks.look([t for t in trainees if t.is_sound and not t.has_stopped], done)
                on_epoch(done, epochs)
                if done < epochs:
                    progress.save(_states(group, trainees, order, done))

            failed = train_in_lockstep(
                trainees, order, trunk, start=start, epochs=epochs, until=last, at_border=at_border, on_batch=on_batch
            )
            if last == epochs:
                for trainee in trainees:
                    trainee.take_best()
    finally:
        unset_deterministic()
    members = (
        TrainedMember(member, trainee, failed.get(trainee.name))
        for member, trainee in zip(group.members, trainees, strict=True)
    )
    return TrainedGroup(group, tuple(members), memory.peak_bytes)


def _states(group: TrainingGroup, trainees: list[Trainee], order: DataOrder, done: int) -> dict[str, Progress]:
    """The progress between two epochs, by artifact key. The state of a diverging arm is not kept."""
    return {
        member.key: Progress(done, trainee.state(), order.state())
        for member, trainee in zip(group.members, trainees, strict=True)
        if trainee.is_sound
    }
