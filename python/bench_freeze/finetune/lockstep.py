"""One lockstep training: arms set up, taken where a killed run left them, trained, audited and written as artifacts."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ultralytics.utils.torch_utils import unset_deterministic

from ..artifact import ArtifactStore
from ..config.recipe import Stage
from ..config.training import TrainingOptions
from ..data.dataset import DetectionSet
from ..dualhead.checkpoint import Checkpoint, save_checkpoint
from ..environment import usable_cores
from ..errors import AuditError, BenchFreezeError, InputError
from ..measure.memory import PeakMemory
from ..results.recipe import DISTILL, SCRATCH
from .arm import (
    CHECKPOINT,
    EPOCHS,
    KIND,
    Arm,
    arm_stages,
    changed_arguments,
    recipe_options,
    requested_arguments,
)
from .audit import audit_frozen, audit_resting, audit_trained
from .capacity import MatchedTrainee
from .data_order import DataOrder, restore_generators
from .feature_cache import FeatureCache
from .head_init import from_scratch, with_new_head
from .loop import SharedTrunk, train_in_lockstep
from .progress import Progress, ProgressStore
from .replay_distill import DistillTrainee, ReplayTrainee
from .trainee import Trainee
from .trainer import FreezeTrainer, overrides_for

OnEpoch = Callable[[int, int], None]


class Lockstep:
    """One lockstep training of a group, and the artifacts that come out of it."""

    def __init__(
        self,
        training: TrainingOptions,
        group: list[tuple[Arm, Progress | None]],
        keys: dict[Arm, str],
        base: Checkpoint,
        data: DetectionSet,
        replay_sets: dict[Arm, DetectionSet],
        progress: ProgressStore,
    ) -> None:
        self._replay_sets = replay_sets
        self._training, self._group, self._keys = training, group, keys
        self._base, self._data, self._progress = base, data, progress

    def train(
        self, store: ArtifactStore, inputs: dict[Arm, dict[str, Any]], on_epoch: OnEpoch
    ) -> dict[Arm, BenchFreezeError]:
        """Train the group and write its artifacts; the errors of arms that failed on their own."""
        training = self._training
        arms = [arm for arm, _ in self._group]
        try:
            with (
                store.scratch("training") as scratch,
                PeakMemory(training.device) as memory,
                contextlib.redirect_stdout(io.StringIO()),
                _training_sentences(training, arms),
            ):
                trainees = self._set_up(scratch)
                order = DataOrder(trainees[0].trainer)
                trunk = self._trunk(scratch, trainees[0].trainer)
                start = self._go_on(trainees, order)
                epochs = training.epochs

                def at_border(done: int) -> None:
                    on_epoch(done, epochs)
                    if done < epochs:
                        states = {
                            self._keys[arm]: Progress(done, trainee.state(), order.state())
                            for arm, trainee in zip(arms, trainees, strict=True)
                            if trainee.is_sound
                        }
                        self._progress.save(states)

                failed = train_in_lockstep(trainees, order, trunk, start=start, epochs=epochs, at_border=at_border)
                order.close()
                trunk.close()
        finally:
            unset_deterministic()
        for arm, trainee in zip(arms, trainees, strict=True):
            if trainee.name in failed:
                self._progress.remove(self._keys[arm])
                continue
            try:
                facts = self._facts(arm, trainee, memory.peak_bytes)
                store.produce(KIND, inputs[arm], partial(self._write, trainee, facts))
            except AuditError as error:  # the other arms are kept before the study ends
                failed[trainee.name] = error
            self._progress.remove(self._keys[arm])
        return {arm: failed[arm.name] for arm in arms if arm.name in failed}

    def _set_up(self, scratch: Path) -> list[Any]:
        """A trainee per arm. Each set-up seeds all generators anew, so every arm starts as it would alone."""
        training, base, data = self._training, self._base, self._data
        trainees: list[Any] = []
        loader = None
        self._starts: dict[Arm, Any] = {}
        self._before: dict[Arm, dict[str, Any]] = {}
        for arm, _ in self._group:

            def build_model(arm: Arm = arm) -> Any:
                if arm.recipe == SCRATCH:
                    model, start = from_scratch(base.model, data.class_names)
                else:
                    model, start = with_new_head(base.model, base.class_names, data.class_names, training.head_init)
                self._starts[arm] = start
                self._before[arm] = {name: p.detach().clone() for name, p in model.named_parameters()}
                return model

            asked = requested_arguments(training, arm)
            if training.cache_features and not self._reads_images:
                asked["workers"] = 0  # there is nothing to decode
            stages = arm_stages(training, arm, base.layers)
            with _argument_sentences():
                trainer = FreezeTrainer(
                    overrides_for(scratch, device=training.device.removeprefix("cuda:"), **asked),
                    data_set=data,
                    build_model=build_model,
                    frozen_bn=training.frozen_bn,
                    stages=stages,
                    layer_decay=training.layer_decay,
                    augment=training.augment,
                    shared_loader=loader,
                )
            trainees.append(self._trainee(arm, trainer, stages))
            loader = trainer.train_loader
        restore_generators(trainees[0].generators)  # whatever company it has, an arm draws what it would draw alone
        return trainees

    @property
    def _reads_images(self) -> bool:
        """Some arm runs all of its layers on the images, in the end at least."""
        return any(arm.freeze == 0 for arm, _ in self._group)

    def _trunk(self, scratch: Path, trainer: FreezeTrainer) -> SharedTrunk:
        if self._training.cache_features:
            return FeatureCache(scratch, trainer, reads_images=self._reads_images)
        return SharedTrunk()

    def _trainee(self, arm: Arm, trainer: Any, stages: tuple[Stage, ...]) -> Any:
        if arm in self._replay_sets:
            return ReplayTrainee(arm.name, trainer, stages, self._base.model, self._replay_sets[arm], arm.seed)
        if arm.recipe == DISTILL:
            return DistillTrainee(arm.name, trainer, stages, self._base.model, self._training.distill_weight)
        if arm.matched_depth is not None:
            return MatchedTrainee(arm.name, trainer, stages, self._base.model, arm.matched_depth, arm.seed)
        return Trainee(arm.name, trainer, stages)

    def _go_on(self, trainees: list[Any], order: Any) -> int:
        """Put every trainee and the order where a killed run left them; the number of finished epochs."""
        start = 0
        for trainee, (_, progress) in zip(trainees, self._group, strict=True):
            if progress is not None:
                trainee.restore(progress.trainee)
                start = progress.epoch
        first = self._group[0][1]
        if first is not None:
            order.go_to(start, first.order)
        return start

    def _facts(self, arm: Arm, trainee: Any, peak_bytes: int | None) -> dict[str, Any]:
        training, base = self._training, self._base
        trainer = trainee.trainer
        tuned = trainer.tuned_model()
        audit = audit_frozen(base.model, tuned, arm.freeze, training.frozen_bn, half=base.half)
        resting = audit_resting(base.model, self._before[arm], tuned, trainee.resting, half=base.half)
        trained = audit_trained(self._before[arm], tuned, arm.freeze, trainee.resting)
        requested = requested_arguments(training, arm)
        effective = trainer.effective_arguments()
        effective["trainable_parameters"] -= resting
        return {
            "seconds": trainee.seconds,
            "peak_bytes": peak_bytes,
            "shared_with": [other.name for other, _ in self._group if other is not arm],
            "requested": requested,
            "effective": effective,
            "changed": {k: list(v) for k, v in changed_arguments(requested, effective).items()},
            "head_start": asdict(self._starts[arm]),
            "audit": asdict(audit) | asdict(trained) | ({"resting_parameters": resting} if resting else {}),
            "recipe": recipe_options(training, arm)
            | {"stages": [list(stage) for stage in trainee.stages]}
            | trainee.recipe_facts
            | ({"memory_images": len(self._replay_sets[arm].images)} if arm in self._replay_sets else {}),
            "weights": "moving average (EMA) after the last epoch",
            "threads": usable_cores()
            if training.device == "cpu"
            else None,  # sums round differently with another number
        }

    def _write(self, trainee: Any, facts: dict[str, Any], folder: Path) -> dict[str, Any]:
        save_checkpoint(folder / CHECKPOINT, trainee.trainer.tuned_model(), half=self._base.half)
        with (folder / EPOCHS).open("w", newline="") as stream:
            rows = csv.DictWriter(stream, fieldnames=list(trainee.log[0]))
            rows.writeheader()
            rows.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in trainee.log)
        return facts


@contextlib.contextmanager
def _argument_sentences() -> Iterator[None]:
    """What Ultralytics raises when it checks its arguments, as a sentence for the user."""
    try:
        yield
    except (SyntaxError, ValueError, TypeError) as error:
        raise InputError(f"Ultralytics refuses a training argument: {_one_line(error)}") from None


@contextlib.contextmanager
def _training_sentences(training: TrainingOptions, arms: list[Arm]) -> Iterator[None]:
    """What Ultralytics and torch raise while they train, as sentences for the user."""
    try:
        yield
    except (NotImplementedError, FileNotFoundError) as error:
        raise InputError(f"the training could not start: {_one_line(error)}") from None
    except RuntimeError as error:
        if "out of memory" in str(error).lower():
            together = "" if len(arms) == 1 else ", or give --no-share, which trains one arm at a time"
            raise InputError(
                f"the training ran out of memory; lower --train-batch (now {training.train_batch}){together}."
            ) from None
        names = ", ".join(arm.name for arm in arms)
        raise BenchFreezeError(f"the training of {names} failed: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
