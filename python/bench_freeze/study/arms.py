"""Which arms a study has, and which of them train together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from ..config.training import TrainingOptions
from ..finetune.arm import Arm, arm_stages
from ..results.recipe import SCRATCH
from .inputs import Inputs

Entered = tuple[Inputs, list[Arm]]  # a checkpoint and its arms


def arms_of(training: TrainingOptions, inputs: Inputs, every: Sequence[Inputs]) -> list[Arm]:
    """Every depth with every seed, the shallowest training first.

    Random weights do not depend on a checkpoint's values: of several with one architecture the first detector has
    the scratch arms.
    """
    depths = training.depths(inputs.base.layers.default_depths())
    alike = [other for other in every if other.base.architecture == inputs.base.architecture]
    first = next(other for other in alike if other.base.taken is None)
    trainings = [t for t in training.trainings(depths) if first is inputs or t[1] != SCRATCH]
    arms = [
        Arm(freeze, seed, recipe, fraction, weights=inputs.name)
        for fraction, (freeze, recipe), seed in product(training.data_fractions, trainings, training.seeds)
    ]
    for arm in arms:
        # Refuses what cannot be, before anything is trained.
        arm_stages(training.of(arm.recipe), arm, inputs.base.layers)
    return arms


def trained_together(arms: Sequence[Arm], *, share: bool) -> list[list[Arm]]:
    """The trainings behind the arms, those with one data order together: of random weights apart from all others."""
    groups: dict[tuple[int, float, bool] | Arm, list[Arm]] = {}
    for arm in dict.fromkeys(arm.source for arm in arms):
        groups.setdefault(arm.data_order if share else arm, []).append(arm)
    return list(groups.values())


def title_of(group: list[Arm]) -> str:
    """One arm by its name, several by their number: their depths and recipes stand in the rows."""
    if len(group) == 1:
        return group[0].name
    depths = ",".join(dict.fromkeys(str(arm.freeze) for arm in group))
    whose = "" if group[0].weights is None else f"{group[0].weights} "
    return f"{whose}freeze {depths} seed {group[0].seed}, {len(group)} together"
