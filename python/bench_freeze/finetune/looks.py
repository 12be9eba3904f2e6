"""Looks at arms in training: their moving averages are scored on held-out images.

A look does not affect the training: it works on copies, and restores the random generators.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..console import Details
from ..data.classes import map_classes
from ..data.dataset import DetectionSet
from ..data.loader import load_batches
from ..dualhead.model import SingleHead, head_kind, prepare_for_inference
from ..engines.base import Head
from ..engines.selection import select
from ..evaluate import Evaluation, Evaluator
from ..results.training_curves import HeldOutPoint
from .data_order import generator_states, restore_generators
from .group import TrainingGroup
from .held_out import HeldOut
from .trainee import Trainee


class Looks:
    """Scores the arms of a group whenever a look is due. Memory: a copy of each arm, and one batch."""

    def __init__(
        self, group: TrainingGroup, held_out: HeldOut, device: torch.device, tell: Callable[[Details], None]
    ) -> None:
        self._group, self._held_out, self._device, self._tell = group, held_out, device, tell
        self._base: nn.Module | None = None

    def look(self, trainees: Sequence[Trainee], epoch: int) -> None:
        """Add a point to the course of every arm, if one is due after `epoch` finished epochs."""
        if not trainees or not self._held_out.is_due(self._group.training, epoch):
            return
        states = generator_states(cuda=self._device.type == "cuda")  # folding BatchNorm draws from them
        began = time.perf_counter()
        try:
            with torch.no_grad():
                points = self._points(trainees, epoch)
        finally:
            restore_generators(states)
        share = (time.perf_counter() - began) / len(trainees)
        for trainee, point in zip(trainees, points, strict=True):
            assert trainee.course is not None  # set up for every trainee of a group with held-out images
            trainee.course.seconds += share
            trainee.course.add(point, trainee.average)

    def _points(self, trainees: Sequence[Trainee], epoch: int) -> list[HeldOutPoint]:
        branch = self._held_out.head_branch
        tuned = [prepare_for_inference(trainee.trainer.tuned_model(), branch) for trainee in trainees]
        target = self._target(tuned, epoch)
        base = self._base_maps(trainees, tuned, epoch)
        return [
            HeldOutPoint(
                epoch=epoch, target_map=_known(on_target.ap()), target_map50=_known(on_target.ap50()), base_map=b
            )
            for on_target, b in zip(target, base, strict=True)
        ]

    def _target(self, tuned: Sequence[nn.Module], epoch: int) -> list[Evaluation]:
        data = self._held_out.target
        own = map_classes(data.class_names, data.class_names, unmatched="error", head="target head", data=data.name)
        head = Head("target", data.class_names, head_kind(tuned[0]))  # type: ignore[arg-type]
        return self._score([SingleHead(model) for model in tuned], head, own.head_to_data, data, epoch)

    def _base_maps(self, trainees: Sequence[Trainee], tuned: Sequence[nn.Module], epoch: int) -> list[float | None]:
        """The base mAP of each graft. It is measured only once if all layers below the head are frozen."""
        held_out, layers = self._held_out, self._group.base.layers
        if held_out.base is None:
            return [None] * len(trainees)
        known = [_first_base_map(trainee, layers.head) for trainee in trainees]
        moving = [model for model, before in zip(tuned, known, strict=True) if before is None]
        if not moving:
            return known
        if epoch == 0:  # nothing has trained yet: all arms of a group still have the same trunk
            moving = moving[:1]
        if self._base is None:
            self._base = prepare_for_inference(self._group.base.model, held_out.head_branch).to(self._device)
        base = self._base
        grafts = [_graft(model, base, layers.head) for model in moving]
        head = Head("base", self._group.base.class_names, head_kind(base))  # type: ignore[arg-type]
        scored = self._score(grafts, head, held_out.base_classes.head_to_data, held_out.base, epoch)
        maps = [_known(evaluation.ap()) for evaluation in scored]
        if epoch == 0:
            return maps * len(known)
        found = iter(maps)
        return [next(found) if before is None else before for before in known]

    def _score(
        self, modules: Sequence[nn.Module], head: Head, head_to_data: NDArray[np.int32], data: DetectionSet, epoch: int
    ) -> list[Evaluation]:
        """Score every module on the data set; the images are read once for all modules."""
        training, truth = self._group.training, data.ground_truth
        evaluators = [Evaluator(truth) for _ in modules]
        ids = truth.image_ids if truth.image_keys is None else truth.image_keys
        for batch in load_batches(
            data.images, imgsz=training.imgsz, batch=training.train_batch, workers=training.workers
        ):
            end = batch.start + len(batch.letterboxes)
            images = torch.from_numpy(batch.images).to(self._device)
            for module, evaluator in zip(modules, evaluators, strict=True):
                (output,) = module(images)
                if not bool(torch.isfinite(output).all()):
                    continue  # a diverging arm has no detections on these images
                found = select(output.float().cpu().numpy(), head, self._held_out.selection)
                detections = []
                for i, count in enumerate(found.count):
                    labels = head_to_data[found.labels[i, :count]]
                    kept = labels >= 0
                    boxes = found.boxes_xyxy[i, :count][kept]
                    detections.append((boxes, found.scores[i, :count][kept], labels[kept]))
                evaluator.update(ids[batch.start : end], detections=detections, letterbox=batch.letterboxes)
            self._tell(partial(_standing, epoch, end, data))
        return [evaluator.result() for evaluator in evaluators]


def _standing(epoch: int, done: int, data: DetectionSet) -> list[str]:
    return [f"scoring after epoch {epoch}: {done} of {len(data.images)} images of {data.name}"]


def _first_base_map(trainee: Trainee, head: int) -> float | None:
    """The base mAP of the first look, if the layers below the head never change; None otherwise or before that look."""
    if trainee.freeze < head or not trainee.trainer.keeps_frozen_statistics or trainee.course is None:
        return None
    return trainee.course.points[0].base_map if trainee.course.points else None


def _graft(tuned: nn.Module, base: nn.Module, head: int) -> nn.Module:
    """The original head on the tuned layers below it."""
    layers = [*tuned.model[:head], *base.model[head:]]
    return SingleHead(SimpleNamespace(model=layers, save=[*base.save, *tuned.save]))


def _known(value: float) -> float | None:
    """None for COCO's -1, which means that there was nothing to measure."""
    return None if value < 0 else float(value)
