"""All trainings of a study: its arms, which of them train together, and where they are trained."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ..artifact import Artifact, ArtifactStore
from ..config.study import Study
from ..config.training import TrainingOptions
from ..console import Console
from ..data.dataset import DetectionSet
from ..finetune.arm import KIND, Arm
from ..finetune.group import members_of
from ..finetune.progress import ProgressStore
from ..finetune.training import fine_tune, no_epoch, untrained
from ..pace import Work
from ..results.schema import Results
from .arms import Entered, arms_of, title_of, trained_together
from .inputs import Inputs
from .race import raced
from .step_count import steps_after_race
from .training_images import TrainingImages

UnitsAfter = Callable[[Collection[str]], Mapping[str, float]]


def trained_arms(
    study: Study,
    every: Sequence[Inputs],
    store: ArtifactStore,
    results: Results,
    console: Console,
    units_after: UnitsAfter = lambda names: {},
) -> Iterator[tuple[Inputs, Arm, Artifact]]:
    """Yield every arm of every checkpoint with its training, in order, then the given checkpoints.

    Arms of one checkpoint with the same data order train together, when the first of them is due. The results of a
    learning rate search are added to `results`. With a budget the arms race first, and only the survivors are yielded;
    `units_after` maps the names of the survivors to the units of work, by kind, that follow their trainings.
    """
    plan = [(inputs, arms_of(study.training, inputs, every)) for inputs in every]
    if study.training.lr_search:
        plan = [(inputs, _with_searched_rates(study, arms, inputs, store, results, console)) for inputs, arms in plan]
    resumable: frozenset[str] = frozenset()
    if study.training.budget is not None:
        plan, resumable = raced(study, plan, store, results, console)
        left = {replace(arm, lr0=None).name for _, arms in plan for arm in arms}
        left |= {given.arm.name for inputs in every for given in inputs.given}
        console.expect(steps_after_race(study, every, plan), units_after(left))
    if study.cluster.executor == "ray":
        _train_on_ray(study, plan, store, console)
    for inputs, arms in plan:
        for arm, tuned in _trained(study, arms, inputs, store, console):
            yield inputs, arm, tuned
    for inputs in every:
        for given in inputs.given:
            yield inputs, given.arm, given.tuned
    ProgressStore(store.folder).remove_all(but=resumable)


def kept_training(study: Study, arm: Arm, inputs: Inputs, store: ArtifactStore) -> Artifact | None:
    """The stored training of an arm; None where it has yet to be trained. A missing interpolated model is made."""
    training, images = study.training.of(arm.recipe), TrainingImages(study, inputs)
    data, held_out = images.seen(arm), images.held_out(arm.seed)
    (member,) = members_of(training, [arm.source], inputs.base, data, inputs.replay, held_out)
    found = store.find(KIND, member.inputs)
    if found is None or arm.alpha is None:
        return found
    from ..finetune.interpolation import interpolated

    return interpolated(training, arm, arm.alpha, found, inputs.base, data, store)[0]


def _trained(
    study: Study, arms: list[Arm], inputs: Inputs, store: ArtifactStore, console: Console
) -> Iterator[tuple[Arm, Artifact]]:
    training, images = study.training, TrainingImages(study, inputs)
    trained: dict[Arm, Artifact] = {}
    for arm in arms:
        data, held_out = images.seen(arm), images.held_out(arm.seed)
        if arm.source not in trained:
            group = next(group for group in trained_together(arms, share=training.share) if arm.source in group)
            own = training.of(arm.recipe)
            work = Work("train", len(data.images) * own.epochs * len(group))
            with console.step(f"fine-tune {title_of(group)}", work=work) as step:
                made = fine_tune(own, group, inputs.base, data, store, no_epoch, inputs.replay, step.tell, held_out)
                step.kept = not any(new for _, new in made)
            trained.update({member: artifact for member, (artifact, _) in zip(group, made, strict=True)})
        if arm.alpha is None:
            yield arm, trained[arm]
        else:
            yield arm, _interpolated(training, arm, arm.alpha, trained[arm.source], data, inputs, store, console)


def _with_searched_rates(
    study: Study, arms: list[Arm], inputs: Inputs, store: ArtifactStore, results: Results, console: Console
) -> list[Arm]:
    """The arms, each with the learning rate that was best for it on held-out training images."""
    from ..finetune.lr_search import search_rates

    training, images = study.training, TrainingImages(study, inputs)
    chosen: dict[Arm, float] = {}
    for group in trained_together(arms, share=training.share):
        data = images.seen(group[0])
        with console.step(f"search rates for {title_of(group)}") as step:
            own = training.of(group[0].recipe)
            found, new = search_rates(own, group, inputs.base, data, store, no_epoch, inputs.replay, step.tell)
            step.kept = not new
        chosen.update({search.arm: search.chosen for search in found})
        results.lr_searches.extend(search.facts() for search in found)
    return [replace(arm, lr0=chosen[arm.source]) for arm in arms]


def _train_on_ray(study: Study, plan: Sequence[Entered], store: ArtifactStore, console: Console) -> None:
    """Train everything on a Ray cluster; the later steps find the artifacts as if they had been made here."""
    from ..finetune.on_ray import Job, train_on_ray

    training, jobs = study.training, []
    for inputs, arms in plan:
        images = TrainingImages(study, inputs)
        for group in trained_together(arms, share=training.share):
            data, held_out = images.seen(group[0]), images.held_out(group[0].seed)
            own = training.of(group[0].recipe)
            missing = tuple(untrained(own, group, inputs.base, data, store, inputs.replay, held_out))
            if missing:
                folder = store.folder.resolve()
                jobs.append(Job(own, missing, inputs.base, data, inputs.replay, folder, held_out))
    work = Work("train", sum(len(job.data.images) * job.training.epochs * len(job.arms) for job in jobs))
    with console.step(f"fine-tune {sum(len(job.arms) for job in jobs)} arms on Ray", work=work) as step:
        step.kept = not jobs
        if jobs:
            train_on_ray(study.cluster, training.device, jobs, step)


def _interpolated(
    training: TrainingOptions,
    arm: Arm,
    alpha: float,
    tuned: Artifact,
    data: DetectionSet,
    inputs: Inputs,
    store: ArtifactStore,
    console: Console,
) -> Artifact:
    from ..finetune.interpolation import interpolated

    with console.step(f"interpolate {arm.name}") as step:
        made, new = interpolated(training, arm, alpha, tuned, inputs.base, data, store)
        step.kept = not new
    return made
