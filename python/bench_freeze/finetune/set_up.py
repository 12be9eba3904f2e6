"""Sets up the trainees of a group, each exactly as if it trained alone, and the trunk that they share."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from torch import nn
from ultralytics.data.build import InfiniteDataLoader

from ..results.recipe import DISTILL, SCRATCH
from .arm import arm_stages, requested_arguments
from .capacity import MatchedTrainee
from .course import Course
from .data_order import DataOrder, restore_generators
from .failures import argument_sentences
from .feature_cache import FeatureCache
from .group import Member, TrainingGroup
from .head_init import HeadStart, from_backbone, from_scratch, with_new_head
from .loop import SharedTrunk
from .precision import precision_of
from .replay_distill import DistillTrainee, ReplayTrainee
from .trainee import Trainee
from .trainer import FreezeTrainer, overrides_for


def set_up(group: TrainingGroup, scratch: Path) -> list[Trainee]:
    """Create a trainee per member. Each set-up seeds all generators again, so every arm starts as it would alone."""
    trainees: list[Trainee] = []
    for member in group.members:
        shared = trainees[-1].trainer.train_loader if trainees else None
        trainees.append(_trainee(group, member, _trainer(group, member, scratch, shared)))
        if group.held_out is not None:
            trainees[-1].course = Course(group.training, trainees[-1].stages)
    restore_generators(trainees[0].generators)  # in any group, an arm draws what it would draw alone
    return trainees


def trunk_of(group: TrainingGroup, scratch: Path, trainer: FreezeTrainer) -> SharedTrunk:
    """The provider of the frozen layers' outputs for all members; its files, if any, go to `scratch`."""
    if group.training.cache_features:
        return FeatureCache(scratch, trainer, reads_images=group.reads_images)
    return SharedTrunk()


def go_on(group: TrainingGroup, trainees: list[Trainee], order: DataOrder) -> int:
    """Restore every trainee and the order to where a killed run left them. Returns the number of finished epochs."""
    for member, trainee in zip(group.members, trainees, strict=True):
        if member.progress is not None:
            trainee.restore(member.progress.trainee)
    first = group.members[0]
    if first.progress is not None:
        order.go_to(first.finished_epochs, first.progress.order)
    return first.finished_epochs


def _trainer(
    group: TrainingGroup, member: Member, scratch: Path, shared_loader: InfiniteDataLoader | None
) -> FreezeTrainer:
    training = group.training
    asked = requested_arguments(training, member.arm)
    precision = precision_of(asked["amp"], training.device)
    asked["amp"] = False if precision == "fp32" else precision
    if training.cache_features and not group.reads_images:
        asked["workers"] = 0  # no image is decoded
    with argument_sentences():
        return FreezeTrainer(
            overrides_for(scratch, device=training.device.removeprefix("cuda:"), **asked),
            data_set=group.data,
            build_model=partial(_model, group, member),
            frozen_bn=training.frozen_bn,
            stages=arm_stages(training, member.arm, group.base.layers),
            layer_decay=training.layer_decay,
            augment=training.augment,
            shared_loader=shared_loader,
        )


def _model(group: TrainingGroup, member: Member) -> tuple[nn.Module, HeadStart]:
    base, names = group.base, group.data.class_names
    if member.arm.recipe == SCRATCH:
        return from_scratch(base.model, names)
    if base.taken is not None:
        return from_backbone(base.model, names, base.taken.layers)
    return with_new_head(base.model, base.class_names, names, group.training.head_init)


def _trainee(group: TrainingGroup, member: Member, trainer: FreezeTrainer) -> Trainee:
    arm, base = member.arm, group.base.model
    if member.replayed is not None:
        return ReplayTrainee(arm.name, trainer, trainer.stages, base, member.replayed, arm.seed)
    if arm.recipe == DISTILL:
        return DistillTrainee(arm.name, trainer, trainer.stages, base, group.training.distill_weight)
    if arm.matched_depth is not None:
        return MatchedTrainee(arm.name, trainer, trainer.stages, base, arm.matched_depth, arm.seed)
    return Trainee(arm.name, trainer, trainer.stages)
