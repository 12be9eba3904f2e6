"""The racers: the trainings of a study, with all seeds of an arm taken together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..config.study import Study
from ..finetune.arm import Arm
from ..racing.decision import Course
from .arms import Entered
from .inputs import Inputs
from .race_terms import course_of
from .training_images import TrainingImages


@dataclass(frozen=True)
class Racer:
    """An arm with all its seeds."""

    inputs: Inputs
    images: TrainingImages
    arms: Mapping[int, Arm]

    @property
    def any_arm(self) -> Arm:
        """The arm on any one seed, for what all seeds have in common."""
        return next(iter(self.arms.values()))

    @property
    def passes(self) -> float:
        """Training images per epoch."""
        return float(len(self.images.seen(self.any_arm).images))


def racers_of(study: Study, entered: Sequence[Entered]) -> list[Racer]:
    """The racers of a study: trainings that differ only in the seed are one racer."""
    racers = []
    for inputs, arms in entered:
        images = TrainingImages(study, inputs)
        by_name: dict[str, dict[int, Arm]] = {}
        for arm in dict.fromkeys(arm.source for arm in arms):
            by_name.setdefault(arm.name_of_all_seeds, {})[arm.seed] = arm
        racers += [Racer(inputs, images, own) for own in by_name.values()]
    return racers


def course_of_racers(study: Study, racers: Sequence[Racer]) -> Course:
    """Everything that is fixed before the race of these racers."""
    return course_of(study, [racer.any_arm.name_of_all_seeds for racer in racers])
