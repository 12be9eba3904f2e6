"""Training the arms that share a data order: missing ones only, from where a killed run left them, each an artifact."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from ..artifact import Artifact, ArtifactStore, artifact_key
from ..data.dataset import DetectionSet
from ..dualhead.checkpoint import Checkpoint, quiet_ultralytics, save_checkpoint
from ..environment import package_versions, usable_cores
from ..errors import AuditError, BenchFreezeError, InputError
from ..measure.memory import PeakMemory
from ..spec import Study
from .arm import CHECKPOINT, EPOCHS, KIND, Arm, changed_arguments, requested_arguments, training_inputs
from .progress import Progress, ProgressStore

OnEpoch = Callable[[int, int], None]


def fine_tune(
    study: Study, arms: list[Arm], base: Checkpoint, data: DetectionSet, store: ArtifactStore, on_epoch: OnEpoch
) -> list[tuple[Artifact, bool]]:
    """The fine-tuned checkpoint of every arm, and whether it had to be trained. The arms have one data order.

    An artifact holds `tuned.pt` (the precision of the base checkpoint) and `epochs.csv`; its facts have seconds, peak
    memory, requested, effective and changed arguments, the head's start and the audit. Raises AuditError when a frozen
    tensor moved: nothing of that arm is kept then.
    """
    versions = package_versions("torch", "ultralytics")
    inputs = {arm: training_inputs(study, arm, base.sha256, data.sha256, versions) for arm in arms}
    missing = {arm: artifact_key(KIND, inputs[arm]) for arm in arms if store.find(KIND, inputs[arm]) is None}
    progress = ProgressStore(store.folder)
    for group in _groups(study, missing, progress):
        session = _Session(study, group, missing, base, data, progress)
        session.train(store, inputs, on_epoch)
    found = []
    for arm in arms:
        artifact = store.find(KIND, inputs[arm])
        if artifact is None:
            raise InputError(
                f"the artifact of {arm.name} vanished from {store.folder} while the study ran; run it again."
            )
        found.append((artifact, arm in missing))
    return found


def _groups(
    study: Study, missing: dict[Arm, str], progress: ProgressStore
) -> Iterator[list[tuple[Arm, Progress | None]]]:
    """Arms that stand at the same epoch train together; without sharing, each trains alone."""
    found = [(arm, progress.load(key)) for arm, key in missing.items()]
    if not study.share:
        yield from ([one] for one in found)
        return
    found.sort(key=_epoch_of)
    for _, group in groupby(found, key=_epoch_of):
        yield list(group)


def _epoch_of(item: tuple[Arm, Progress | None]) -> int:
    return item[1].epoch if item[1] is not None else 0


class _Session:
    """One lockstep training of a group, and the artifacts that come out of it."""

    def __init__(
        self,
        study: Study,
        group: list[tuple[Arm, Progress | None]],
        keys: dict[Arm, str],
        base: Checkpoint,
        data: DetectionSet,
        progress: ProgressStore,
    ) -> None:
        self._study, self._group, self._keys = study, group, keys
        self._base, self._data, self._progress = base, data, progress

    def train(self, store: ArtifactStore, inputs: dict[Arm, dict[str, Any]], on_epoch: OnEpoch) -> None:
        """Train the group and write its artifacts."""
        quiet_ultralytics()
        from ultralytics.utils.torch_utils import unset_deterministic

        from .data_order import DataOrder
        from .loop import train_in_lockstep

        study = self._study
        arms = [arm for arm, _ in self._group]
        try:
            with (
                store.scratch("training") as scratch,
                PeakMemory(study.device) as memory,
                contextlib.redirect_stdout(io.StringIO()),
                _training_sentences(study, arms),
            ):
                trainees = self._set_up(scratch)
                order = DataOrder(trainees[0].trainer)
                start = self._go_on(trainees, order)
                epochs = study.epochs

                def at_border(done: int) -> None:
                    on_epoch(done, epochs)
                    if done < epochs:
                        states = {
                            self._keys[arm]: Progress(done, trainee.state(), order.state())
                            for arm, trainee in zip(arms, trainees, strict=True)
                        }
                        self._progress.save(states)

                failed = train_in_lockstep(trainees, order, start=start, epochs=epochs, at_border=at_border)
                order.close()
        finally:
            unset_deterministic()
        for arm, trainee in zip(arms, trainees, strict=True):
            if trainee.name in failed:
                continue
            try:
                facts = self._facts(arm, trainee, memory.peak_bytes)
            except AuditError as error:  # the other arms are kept before the study ends
                failed[trainee.name] = error
            else:
                store.produce(KIND, inputs[arm], partial(self._write, trainee, facts))
            self._progress.remove(self._keys[arm])
        for failure in failed.values():
            raise failure

    def _set_up(self, scratch: Path) -> list[Any]:
        """A trainee per arm. Each set-up seeds all generators anew, so every arm starts as it would alone."""
        from .head_init import with_new_head
        from .trainee import Trainee
        from .trainer import FreezeTrainer, overrides_for

        study, base, data = self._study, self._base, self._data
        trainees: list[Any] = []
        loader = None
        self._starts: dict[Arm, Any] = {}
        for arm, _ in self._group:

            def build_model(arm: Arm = arm) -> Any:
                model, start = with_new_head(base.model, base.class_names, data.class_names, study.head_init)
                self._starts[arm] = start
                return model

            asked = requested_arguments(study, arm)
            with _argument_sentences():
                trainer = FreezeTrainer(
                    overrides_for(scratch, device=study.device.removeprefix("cuda:"), **asked),
                    data_set=data,
                    build_model=build_model,
                    frozen_bn=study.frozen_bn,
                    shared_loader=loader,
                )
            trainees.append(Trainee(arm.name, trainer, arm.freeze))
            loader = trainer.train_loader
        return trainees

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
        from .audit import audit_frozen

        study, base = self._study, self._base
        trainer = trainee.trainer
        tuned = trainer.tuned_model()
        audit = audit_frozen(base.model, tuned, arm.freeze, study.frozen_bn, half=base.half)
        requested = requested_arguments(study, arm)
        effective = trainer.effective_arguments()
        return {
            "seconds": trainee.seconds,
            "peak_bytes": peak_bytes,
            "shared_with": [other.freeze for other, _ in self._group if other is not arm],
            "requested": requested,
            "effective": effective,
            "changed": {k: list(v) for k, v in changed_arguments(requested, effective).items()},
            "head_start": asdict(self._starts[arm]),
            "audit": asdict(audit),
            "weights": "moving average (EMA) after the last epoch",
            "threads": usable_cores() if study.device == "cpu" else None,  # sums round differently with another number
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
def _training_sentences(study: Study, arms: list[Arm]) -> Iterator[None]:
    """What Ultralytics and torch raise while they train, as sentences for the user."""
    try:
        yield
    except (NotImplementedError, FileNotFoundError) as error:
        raise InputError(f"the training could not start: {_one_line(error)}") from None
    except RuntimeError as error:
        if "out of memory" in str(error).lower():
            together = "" if len(arms) == 1 else ", or give --no-share, which trains one arm at a time"
            raise InputError(
                f"the training ran out of memory; lower --train-batch (now {study.train_batch}){together}."
            ) from None
        names = ", ".join(arm.name for arm in arms)
        raise BenchFreezeError(f"the training of {names} failed: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
