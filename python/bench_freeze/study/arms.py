"""The arms of a study, and which of them train together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from ..config.training import TrainingOptions
from ..finetune.arm import Arm, arm_stages
from ..results.recipe import SCRATCH
from .inputs import Inputs

Entered = tuple[Inputs, list[Arm]]  # a checkpoint and its arms


def arms_of(training: TrainingOptions, inputs: Inputs, every: Sequence[Inputs]) -> list[Arm]:
    """The arms of one checkpoint: every share of the data, every depth and recipe, every seed.

    Training from scratch does not depend on a checkpoint's values, so among checkpoints with the same architecture only
    the first detector has the scratch arms. Raises InputError for an arm that cannot be trained.
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
        # Raises for an impossible arm before anything is trained.
        arm_stages(training.of(arm.recipe), arm, inputs.base.layers)
    return arms


def trained_together(arms: Sequence[Arm], *, share: bool) -> list[list[Arm]]:
    """The trainings behind the arms, grouped by data order if they `share`; scratch trainings form their own groups."""
    groups: dict[tuple[int, float, bool] | Arm, list[Arm]] = {}
    for arm in dict.fromkeys(arm.source for arm in arms):
        groups.setdefault(arm.data_order if share else arm, []).append(arm)
    return list(groups.values())


def title_of(group: list[Arm]) -> str:
    """A title for a group: the name of a single arm, or depths, seed and the number of several."""
    if len(group) == 1:
        return group[0].name
    depths = ",".join(dict.fromkeys(str(arm.freeze) for arm in group))
    whose = "" if group[0].weights is None else f"{group[0].weights} "
    return f"{whose}freeze {depths} seed {group[0].seed}, {len(group)} together"
