"""The terms of a race, from a study: when it decides, what it may spend, and what an arm may lose of the base task."""

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
    """What the trainings may spend; `grid` is what all of them take in this unit, None where that is not known."""

    unit: Unit
    amount: float
    grid: float | None


def schedule_of(training: TrainingOptions) -> NDArray[np.float64]:
    """[epochs + 1] the share of the summed learning rate that is spent by then, as Ultralytics' arguments have it."""
    asked = {"lrf": 0.01, "cos_lr": False, "warmup_epochs": 3.0} | dict(training.train_args)
    rates = relative_rates(
        training.epochs,
        final=float(asked["lrf"]),
        cosine=bool(asked["cos_lr"]),
        warmup=float(asked["warmup_epochs"]),
    )
    return times_of(rates)


def looks_of_race(training: TrainingOptions) -> tuple[int, ...]:
    """The epochs after which a race decides, the last one included."""
    return decision_epochs(schedule_of(training), max(1, training.val_every))


def max_base_drop(study: Study) -> float | None:
    """What an arm may lose of base mAP in a race: what was asked for, and only where every model has the tuned trunk.

    A branched model keeps the base head's output whatever the training does, so with one no arm is out for that.
    """
    if study.training.budget is None or "branched" in study.deployment.construction:
        return None
    return study.constraints.max_base_drop


def course_of(study: Study, names: Sequence[str], comparable_from: Sequence[int]) -> Course:
    """What is fixed before the race begins."""
    epochs = looks_of_race(study.training)
    return Course(tuple(names), tuple(comparable_from), epochs, study.training.seeds, max_base_drop(study))


def limit_of(budget: str, passes: Sequence[float], course: Course) -> Limit:
    """The budget as a limit. `passes` are by arm the image passes of one seed.

    Raises InputError for a share that does not even let every arm begin and one of them end.
    """
    asked = parse_budget(budget)
    grid = sum(passes) * len(course.seeds)
    if asked.share is None:
        assert asked.seconds is not None
        return Limit("seconds", asked.seconds, None)
    fewest = fewest_passes(passes, course)
    if asked.share * grid < fewest * (1 - 1e-9):  # all of it is enough, whatever rounding says
        opening, seeds = course.epochs[0], len(course.opening)
        raise InputError(
            f"budget = {budget} is too little: {len(passes)} arms begin with {opening} of {course.epochs[-1]} epochs "
            f"on {seeds} seed{'s' if seeds > 1 else ''}, and one goes on to its end, which is "
            f"{math.ceil(100 * fewest / grid)}% of all; give at least that, or fewer arms."
        )
    return Limit("image passes", asked.share * grid, grid)


def fewest_passes(passes: Sequence[float], course: Course) -> float:
    """What a race takes at least: every arm up to the first decision, and the dearest one to its end."""
    share = course.epochs[0] / course.epochs[-1]
    return len(course.opening) * (sum(passes) * share + max(passes) * (1 - share))
