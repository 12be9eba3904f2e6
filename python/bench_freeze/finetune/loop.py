"""The training loop: several arms in lockstep over one stream of batches, with the frozen trunk computed only once.

As long as an arm freezes layer k, it equals the base model's layer k. For arms with freeze 22, 15 and 10, layers 0..9
are therefore computed once for three arms and layers 10..14 once for two, without what a backward pass would need. Each
arm then runs its own layers on those outputs. The values are those of separate trainings, bit for bit on the same
machine, because each operation is the same, on the same numbers. Memory: the models, moving averages and optimizers of
all arms and the trunk's outputs that later layers read, but the activations of only one arm's own layers at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from torch import Tensor

from ..console import Tell, nobody
from ..errors import BenchFreezeError
from .data_order import DataOrder
from .trainee import Trainee, run_trunk
from .training_data import Batch

AtBorder = Callable[[int], None]


class SharedTrunk:
    """The layers that are frozen in the arm with the largest freeze depth, run once for all arms."""

    def begin_epoch(self, trainees: list[Trainee]) -> None:
        """Prepare for an epoch with these arms and their current depths."""

    def outputs(self, trainees: list[Trainee], batch: Batch) -> dict[int, Tensor]:
        """The outputs that some arm reads, by layer."""
        deepest = max(trainees, key=lambda trainee: trainee.shared_depth)
        borders = frozenset(trainee.shared_depth - 1 for trainee in trainees)
        with deepest.precision():
            outputs = run_trunk(deepest.detector, deepest.shared_depth, batch["img"], borders)
        return outputs

    def close(self) -> None:
        """Release resources."""


def train_in_lockstep(
    trainees: list[Trainee],
    order: DataOrder,
    trunk: SharedTrunk | None = None,
    *,
    start: int,
    epochs: int,
    at_border: AtBorder,
    on_batch: Tell = nobody,
    until: int | None = None,
) -> dict[str, BenchFreezeError]:
    """Train all arms from epoch `start` to `epochs`, or to `until` if that comes first.

    `at_border(n)` is called after each epoch, with the number of finished epochs; the states of the trainees and of the
    order may be saved there. `on_batch(done, total, details)` is called after every batch. An arm whose loss is no
    longer finite leaves the group; the returned dictionary has its error under the arm's name. `trunk` provides the
    outputs of the frozen layers; without it they are computed for every batch.
    """
    trunk = SharedTrunk() if trunk is None else trunk
    failed: dict[str, BenchFreezeError] = {}
    last = epochs if until is None else min(until, epochs)
    for epoch in range(start, last):
        active = [trainee for trainee in trainees if trainee.name not in failed and not trainee.has_stopped]
        if not active:
            break
        for trainee in active:
            trainee.begin_epoch(epoch)
        with _shared_time(active):
            trunk.begin_epoch(active)
        for i, batch in _timed(order.epoch(epoch), active):
            with _shared_time(active):
                outputs = trunk.outputs(active, batch)
            for trainee in active:
                trainee.train_batch(i, epoch, dict(batch), outputs)
            on_batch(epoch * len(order) + i + 1, last * len(order), partial(_standings, active, epoch, epochs))
        for trainee in active:
            try:
                trainee.end_epoch(epoch)
            except BenchFreezeError as error:
                failed[trainee.name] = error
        at_border(epoch + 1)
    return failed


def _standings(trainees: Sequence[Trainee], epoch: int, epochs: int) -> list[str]:
    """One line per arm: its epoch, and its mean losses in this epoch so far."""
    return [f"{trainee.name}: epoch {epoch + 1} of {epochs}, {trainee.standing()}" for trainee in trainees]


def _timed(batches: Iterator[Batch], trainees: list[Trainee]) -> Iterator[tuple[int, Batch]]:
    """The numbered batches; the time that it takes to make each one is split among the arms."""
    iterator = enumerate(batches)
    while True:
        with _shared_time(trainees):
            item = next(iterator, None)
        if item is None:
            return
        yield item


@contextmanager
def _shared_time(trainees: list[Trainee]) -> Iterator[None]:
    """Split the time spent in this block equally among the arms."""
    began = time.perf_counter()
    yield
    for trainee in trainees:
        trainee.seconds += (time.perf_counter() - began) / len(trainees)
