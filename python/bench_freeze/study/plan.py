"""Plan a run: its steps, and which of their artifacts exist already, before anything is made.

A plan walks through the study as a run does, with a store that finds artifacts but never makes any: a step whose
artifact is not found is still to do. So the keys are the run's own. `look_up=False` looks only for trainings, which
costs almost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Literal, TypeVar

from ..artifact import Artifact, ArtifactStore
from ..config.analysis import AnalysisOptions
from ..config.deployment import EngineName, Precision
from ..config.study import Study
from ..console import Console, Step
from ..deployment.deployment import Candidate
from ..deployment.latency import SCOPES
from ..evaluate.match_file import MatchFile
from ..finetune.arm import Arm, load_tuned
from ..finetune.training import untrained
from ..pace import Work as StepWork
from .arms import arms_of, trained_together
from .bench import Bench
from .inputs import Inputs
from .training_images import TrainingImages
from .trainings import kept_training

Found = TypeVar("Found")
Analyse = Callable[[Bench, Arm, Artifact], object]
Kind = Literal["train", "deploy", "run", "time", "analyse"]
KINDS: dict[Kind, str] = {
    "train": "trainings",
    "deploy": "models deployed",
    "run": "runs over a data set",
    "time": "latencies",
    "analyse": "analyses",
}
_ONE: dict[Kind, str] = {
    "train": "training",
    "deploy": "model deployed",
    "run": "run over a data set",
    "time": "latency",
    "analyse": "analysis",
}


def counted(kind: Kind, number: int) -> str:
    """The name of a kind of step, in singular or plural."""
    return KINDS[kind] if number != 1 else _ONE[kind]


@dataclass(frozen=True)
class Work:
    """One step. Its time is proportional to `units`: images times epochs (train), images (run), otherwise 1."""

    kind: Kind
    of: str  # the arm, or the original
    units: float
    kept: bool | None  # None: not looked up, or dependent on a step that is still to do
    group: tuple[int, ...] = ()  # for a training: the checkpoint and the position of its group


@dataclass(frozen=True)
class TrainingGroupPlan:
    """Arms that train together and have no artifact yet."""

    inputs: Inputs
    arms: tuple[Arm, ...]
    images: int
    epochs: int


@dataclass(frozen=True)
class Plan:
    """All steps of a run in order, and the groups of arms that are still to train."""

    works: tuple[Work, ...]
    groups: tuple[TrainingGroupPlan, ...]
    searches: int  # short trainings that search for learning rates, whether or not they exist already

    def of_kind(self, kind: Kind) -> list[Work]:
        """All steps of a kind."""
        return [work for work in self.works if work.kind == kind]

    def to_do(self, kind: Kind) -> list[Work]:
        """The steps of a kind whose artifacts are not known to exist."""
        return [work for work in self.of_kind(kind) if not work.kept]

    def units_to_do(self, asked: AnalysisOptions, of: Callable[[str], bool] = lambda _: True) -> dict[str, float]:
        """Remaining units by kind of work, named as the steps of a run name them; each analysis is its own kind.

        `of` selects arms and originals by name.
        """

        def own(kind: Kind) -> list[Work]:
            return [work for work in self.to_do(kind) if of(work.of)]

        kinds: tuple[Kind, ...] = ("train", "deploy", "run")
        units: dict[str, float] = {kind: sum(work.units for work in own(kind)) for kind in kinds}
        units["time"] = len(own("time")) * (len(SCOPES) + 1)  # both scopes, and the rounds together with other models
        arms = len(own("analyse"))
        steps = {"ladder": asked.ladder, "drift": asked.drift, "features": asked.features, "recovery": asked.recover}
        return units | {name: arms * (2 if name == "recovery" else 1) for name, is_asked in steps.items() if is_asked}

    def sentence(self) -> str:
        """The whole plan in one line."""
        parts = []
        for kind in KINDS:
            every, kept = self.of_kind(kind), sum(bool(work.kept) for work in self.of_kind(kind))
            if every:
                parts.append(f"{len(every)} {counted(kind, len(every))}" + (f" ({kept} kept)" if kept else ""))
        parts += [f"{self.searches} short trainings to search for rates"] if self.searches else []
        return f"to do: {', '.join(parts)}"


class _NotKept(Exception):
    """An artifact does not exist and would have to be made."""


class _KeptOnly(ArtifactStore):
    """A store that finds and never makes."""

    def produce(
        self, kind: str, inputs: Mapping[str, object], build: Callable[[Path], object], *, again: bool = False
    ) -> tuple[Artifact, bool]:
        """The artifact of these inputs; raises _NotKept where there is none, or `again` would replace it."""
        found = None if again else self.find(kind, inputs)
        if found is None:
            raise _NotKept(kind)
        return found, False


class Silent(Console):
    """A console that shows nothing, because looking up an artifact is not a step of a run."""

    def note(self, text: str) -> None:
        """Show nothing."""

    @contextmanager
    def step(self, title: str, *, still: bool = False, work: StepWork | None = None) -> Iterator[Step]:
        """Yield a step that shows nothing."""
        yield Step(lambda done, total: None)


def plan_of(
    study: Study, every: Sequence[Inputs], store: ArtifactStore, analyse: Analyse | None = None, *, look_up: bool = True
) -> Plan:
    """The plan of a study whose inputs were read. With `look_up`, kept trainings are loaded for the models' keys.

    `analyse` makes or finds the analyses of an arm; without it they are not looked up.
    """
    works: list[Work] = []
    groups: list[TrainingGroupPlan] = []
    kept = _KeptOnly(store.folder, store.warn)
    benches = [Bench(study, inputs, kept, MatchFile(), {}, Silent(plain=True)) for inputs in every]
    for bench in benches:
        for how in study.deployment.forms:
            candidate = Candidate("original", bench.inputs.base, head_branch=study.deployment.head_branch)
            works += _of_model(bench, _titled("original", bench), candidate, "original", how, look_up=look_up)
    searches = 0
    for number, bench in enumerate(benches):
        arms = arms_of(study.training, bench.inputs, every)
        missing: set[Arm] = set()
        images = TrainingImages(study, bench.inputs)
        for place, group in enumerate(trained_together(arms, share=study.training.share)):
            data, held_out = images.seen(group[0]), images.held_out(group[0].seed)
            searches += len(group) * study.training.lr_search
            own = study.training.of(group[0].recipe)
            to_train = untrained(own, group, bench.inputs.base, data, kept, bench.inputs.replay, held_out)
            missing |= set(to_train)
            units = len(data.images) * own.epochs
            works += [Work("train", arm.name, units, arm not in to_train, (number, place)) for arm in group]
            if to_train:
                groups.append(TrainingGroupPlan(bench.inputs, tuple(to_train), len(data.images), own.epochs))
        for arm in arms:
            tuned = None
            if arm.source not in missing:
                tuned = _found(partial(kept_training, study, arm, bench.inputs, kept))
            works += _analyses(bench, arm, tuned, analyse if look_up else None)
            works += _of_arm(bench, arm, tuned, study.deployment.construction, look_up=look_up)
        for given in bench.inputs.given:
            constructions = given.constructions(study.deployment.construction)
            works += _analyses(bench, given.arm, given.tuned, analyse if look_up else None)
            works += _of_arm(bench, given.arm, given.tuned, constructions, look_up=look_up)
    return Plan(tuple(works), tuple(groups), searches)


def _of_arm(
    bench: Bench, arm: Arm, tuned: Artifact | None, constructions: Sequence[str], *, look_up: bool
) -> Iterator[Work]:
    """The steps for the models of an arm; constructions that give the same model count once."""
    from ..dualhead.model import graft_position

    study, base = bench.study, bench.inputs.base
    loaded = load_tuned(tuned) if look_up and tuned is not None else None
    models: dict[int | None, str] = {}
    for construction in constructions:
        at = None if construction == "plain" else graft_position(construction, arm.freeze, base.layers)
        models.setdefault(at, construction)
    for construction, how in product(models.values(), study.deployment.forms):
        candidate = None
        if loaded is not None:
            candidate = Candidate(construction, base, loaded, arm.freeze, study.deployment.head_branch)
        yield from _of_model(bench, arm.name, candidate, construction, how, look_up=look_up)


def _of_model(
    bench: Bench,
    name: str,
    candidate: Candidate | None,
    construction: str,
    how: tuple[EngineName, Precision],
    *,
    look_up: bool,
) -> Iterator[Work]:
    """The steps for a model: deploy it, run it over the data sets, time it; without the first, none is looked up."""
    study, inputs = bench.study, bench.inputs
    deployment = None
    if look_up and candidate is not None:
        deployment = _found(partial(bench.deploy, candidate, how[0], how[1], name))
    known = look_up and candidate is not None
    yield Work("deploy", name, 1, (deployment is not None) if known else None)
    on_target = () if construction == "original" else (inputs.target, inputs.test)
    for data in (*on_target, inputs.base_set):
        if data is not None:
            run = deployment and _found(partial(bench.detections, deployment, data, name))
            yield Work("run", name, len(data.images), run is not None if deployment is not None else None)
    if study.timing.latency_samples:
        timed = deployment and _found(partial(bench.latencies, deployment, name))
        yield Work("time", name, 1, timed is not None if deployment is not None else None)


def _analyses(bench: Bench, arm: Arm, tuned: Artifact | None, analyse: Analyse | None) -> Iterator[Work]:
    asked = bench.study.analysis
    if not (asked.ladder or asked.drift or asked.features or asked.recover):
        return
    given = bench.inputs.given_arm(arm)
    analysed = bench.study.analyses(arm.seed) if given is None else given.is_analysed(asked.analysis_seeds)
    if not analysed:
        return
    kept = None
    if tuned is not None and analyse is not None:
        kept = _found(partial(analyse, bench, arm, tuned)) is not None
    yield Work("analyse", arm.name, 1, kept)


def _found(look: Callable[[], Found]) -> Found | None:
    try:
        return look()
    except _NotKept:
        return None


def _titled(name: str, bench: Bench) -> str:
    return name if bench.inputs.name is None else f"{name} {bench.inputs.name}"
