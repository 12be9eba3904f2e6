"""Count the steps of a study once its inputs are read, so that each step can show its number."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from ..config.study import Study
from ..finetune.arm import Arm
from .arms import Entered, arms_of, trained_together
from .inputs import Inputs
from .race_terms import course_of

OF_THE_END = 3  # the comparison of the arms, the folder of the pick, and the report
OF_A_RECOVERY = 2  # heads on the tuned features, and on the original ones


def steps_to_come(study: Study, every: Sequence[Inputs]) -> int:
    """The number of steps: originals, trainings, analyses, rows, rounds and the end.

    Models that do not fit into memory together take more rounds than counted here.
    """
    plan = [(inputs, arms_of(study.training, inputs, every)) for inputs in every]
    originals = len(every) * len(study.deployment.forms)
    rounds = originals if _is_timed(study) else 0
    ray = int(study.cluster.executor == "ray")
    of_arms = sum(
        _of_trainings(study, arms) + sum(_of_arm(study, inputs, arm) for arm in (*arms, *_given(inputs)))
        for inputs, arms in plan
    )
    race = _of_race(study, plan) if study.training.budget is not None else 0
    return originals * _of_model(study, sets=1) + ray + race + of_arms + rounds + OF_THE_END


def steps_after_race(study: Study, every: Sequence[Inputs], left: Sequence[Entered]) -> int:
    """The number of steps that remain when a race has ended, for the arms that are left."""
    rounds = len(every) * len(study.deployment.forms) if _is_timed(study) else 0
    searches = sum(len(trained_together(arms, share=study.training.share)) for _, arms in left)
    of_arms = sum(
        _of_trainings(study, arms) + sum(_of_arm(study, inputs, arm) for arm in (*arms, *_given(inputs)))
        for inputs, arms in left
    )
    return of_arms - (searches if study.training.lr_search else 0) + rounds + OF_THE_END


def _of_race(study: Study, plan: Sequence[Entered]) -> int:
    """The most training steps of a race: up to each decision on the opening seed, then each further seed."""
    course = course_of(study, ())
    sizes = {seed: sum(len(_of_seed(study, arms, seed)) for _, arms in plan) for seed in course.seeds}
    stages = len(course.epochs) * sizes[course.opening]
    return stages + sum(sizes[seed] for seed in course.further)


def _of_seed(study: Study, arms: Sequence[Arm], seed: int) -> list[list[Arm]]:
    return trained_together([arm for arm in arms if arm.seed == seed], share=study.training.share)


def _given(inputs: Inputs) -> list[Arm]:
    """The arms whose checkpoints were given: nothing is trained for them."""
    return [given.arm for given in inputs.given]


def _is_timed(study: Study) -> bool:
    return study.timing.latency_samples > 0


def _of_model(study: Study, sets: int) -> int:
    """Steps of one model: deploy it, run it on `sets` data sets, and time it if the study measures latency."""
    return 1 + sets + _is_timed(study)


def _of_trainings(study: Study, arms: Sequence[Arm]) -> int:
    groups = len(trained_together(arms, share=study.training.share))
    searches = groups if study.training.lr_search else 0
    return groups + searches + sum(arm.alpha is not None for arm in arms)


def _of_arm(study: Study, inputs: Inputs, arm: Arm) -> int:
    """Steps of one arm: its analyses and its rows."""
    asked, has_base, given = study.analysis, inputs.no_base_accuracy is None, inputs.given_arm(arm)
    constructions = (
        study.deployment.construction if given is None else given.constructions(study.deployment.construction)
    )
    analyses = 0
    if study.analyses(arm.seed) if given is None else given.is_analysed(asked.analysis_seeds):
        of_base = int(asked.ladder) + (OF_A_RECOVERY if asked.recover else 0)
        analyses = int(asked.drift) + int(asked.features) + (of_base if has_base else 0)
    sets = 3 if inputs.test is not None else 2
    rows = 0
    for _, (engine, _) in product(constructions, study.deployment.forms):
        more_builds = study.deployment.builds - 1 if engine == "trt" else 0
        rows += _of_model(study, sets) + more_builds * _of_model(study, sets=0)
    return analyses + rows
