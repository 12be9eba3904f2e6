"""The terms of a race: when it decides, what it may spend, and how much base mAP an arm may lose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..config.budget import parse_budget
from ..config.study import Study
from ..config.training import TrainingOptions
from ..errors import InputError
from ..racing.decision import Course
from ..racing.schedule import decision_epochs, relative_rates, times_of

Unit = Literal["seconds", "image passes"]


@dataclass(frozen=True)
class Limit:
    """What the trainings may spend; `grid` is what all of them would take in this unit, None where unknown."""

    unit: Unit
    amount: float
    grid: float | None


def schedule_of(training: TrainingOptions) -> NDArray[np.float64]:
    """The share of the summed learning rate used after each epoch, [epochs + 1], by Ultralytics' arguments."""
    asked = {"lrf": 0.01, "cos_lr": False, "warmup_epochs": 3.0} | dict(training.train_args)
    rates = relative_rates(
        training.epochs,
        final=float(asked["lrf"]),
        cosine=bool(asked["cos_lr"]),
        warmup=float(asked["warmup_epochs"]),
    )
    return times_of(rates)


def looks_of_race(training: TrainingOptions) -> tuple[int, ...]:
    """The epochs after which a race decides, including the last one."""
    return decision_epochs(schedule_of(training), max(1, training.val_every))


def max_base_drop(study: Study) -> float | None:
    """The base mAP that an arm may lose in a race; None where no arm can be excluded for that.

    The study's limit applies only if no construction is branched. A branched model keeps the base head's output
    whatever the training does.
    """
    if study.training.budget is None or "branched" in study.deployment.construction:
        return None
    return study.constraints.max_base_drop


def course_of(study: Study, names: Sequence[str]) -> Course:
    """Everything that is fixed before the race begins."""
    return Course(tuple(names), looks_of_race(study.training), study.training.seeds, max_base_drop(study))


def limit_of(budget: str, passes: Sequence[float], course: Course) -> Limit:
    """The budget as a limit. `passes` has the image passes of one seed by arm.

    Raises InputError for a share that is too small to begin every arm and finish one.
    """
    asked = parse_budget(budget)
    grid = sum(passes) * len(course.seeds)
    if asked.share is None:
        assert asked.seconds is not None
        return Limit("seconds", asked.seconds, None)
    fewest = fewest_passes(passes, course)
    if asked.share * grid < fewest * (1 - 1e-9):  # a share that is just enough must pass despite rounding
        raise InputError(
            f"budget = {budget} is too little: {len(passes)} arms begin with {course.epochs[0]} of {course.epochs[-1]} "
            f"epochs on 1 seed, and one continues to its end, which takes {math.ceil(100 * fewest / grid)}% of all; "
            "give at least that, or fewer arms."
        )
    return Limit("image passes", asked.share * grid, grid)


def fewest_passes(passes: Sequence[float], course: Course) -> float:
    """The fewest passes that a race takes: every arm to the first decision, and the most expensive one to its end."""
    share = course.epochs[0] / course.epochs[-1]
    return sum(passes) * share + max(passes) * (1 - share)
