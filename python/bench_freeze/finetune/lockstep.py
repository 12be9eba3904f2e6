"""One lockstep training of a group: set up, taken where it was left, trained to the last epoch or to a pause."""

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
    """A member with its trainee after the last epoch; `error` is what took it out of the group before that."""

    member: Member
    trainee: Trainee
    error: BenchFreezeError | None


@dataclass(frozen=True)
class TrainedGroup:
    """What a lockstep training returns: its members in their order, and the peak memory of them all, in bytes."""

    group: TrainingGroup
    members: tuple[TrainedMember, ...]
    peak_bytes: int | None

    @property
    def errors(self) -> dict[Arm, BenchFreezeError]:
        """What took members out of the group."""
        return {one.member.arm: one.error for one in self.members if one.error is not None}


def train_group(
    group: TrainingGroup,
    store: ArtifactStore,
    progress: ProgressStore,
    on_epoch: OnEpoch,
    on_batch: Tell = nobody,
    until: int | None = None,
) -> TrainedGroup:
    """Train the group. At every border between two epochs its progress is kept; `on_epoch` gets (finished, of all).

    With `until` it pauses after that epoch: the progress is all that is left of it, and another call continues from it.
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
            contextlib.ExitStack() as running,  # workers and files end before an error becomes a sentence
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
    """The progress at a border, by artifact key. What a diverging arm would go on with is not kept."""
    return {
        member.key: Progress(done, trainee.state(), order.state())
        for member, trainee in zip(group.members, trainees, strict=True)
        if trainee.is_sound
    }
