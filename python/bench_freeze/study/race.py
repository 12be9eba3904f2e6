"""The trainings of a study with --budget: arms race, those that stop free their budget, and the rest buys more seeds.

Seed after seed, the arms train in lockstep to a decision epoch and pause there. Progress files hold all they need to
resume, and every decision is an artifact of its own, so a killed run resumes where it was, with the decisions that it
had made. A training that reaches its end is identical to that of a study without a budget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..artifact import ArtifactStore
from ..config.study import Study
from ..console import Console
from ..errors import InputError
from ..finetune.arm import Arm
from ..finetune.decoded import shared_between_trainings
from ..finetune.group import Member, members_of
from ..finetune.progress import ProgressStore
from ..finetune.standing import Standing, standing_of
from ..finetune.training import train_until
from ..pace import Work
from ..racing.decision import Course, Purse, Seen, decide
from ..racing.places import seeds_paid_for, set_aside
from ..results.race import Race, RaceDecision, StoppedArm
from ..results.schema import Results
from .arms import Entered, title_of, trained_together
from .race_terms import Limit, limit_of
from .racers import Racer, course_of_racers, racers_of

KIND = "race"  # the kind of a decision's artifact
METHOD = 4  # increased whenever a decision gives different results for the same numbers


def raced(
    study: Study, entered: Sequence[Entered], store: ArtifactStore, results: Results, console: Console
) -> tuple[list[Entered], frozenset[str]]:
    """Race the arms; return the survivors, trained to the end on all seeds they reached, and the progress keys to keep.

    The record of the race is added to the results. Raises InputError for a budget too small to finish any arm.
    """
    race = _begun(study, entered, store, console)
    course = race.course
    with shared_between_trainings():
        for place, epoch in enumerate(course.epochs):
            before = course.epochs[place - 1] if place else None
            race.stage(course.opening, epoch, before, stages=len(course.epochs) - 1 - place)
        for seed in course.further:
            cost = sum(race.spent[k] for k in race.running) / len(race.seeds)
            if cost > race.left * (1 + 1e-9):
                break
            race.stage(seed, course.epochs[-1], None, stages=0)
    results.race = race.record()
    console.note(f"  {results.race.ended}")
    return race.survivors(entered), race.resumable


class Decided(msgspec.Struct, frozen=True):
    """The content of a decision's artifact."""

    stops: list[StoppedArm]
    spent: list[float]  # by arm, up to the decision or to an earlier stop


@dataclass
class Raced:
    """The state of a race: the running arms, the amount spent by each arm, and the decisions so far."""

    study: Study
    racers: Sequence[Racer]
    course: Course
    limit: Limit
    store: ArtifactStore
    console: Console
    running: list[int]
    spent: list[float]
    seeds: tuple[int, ...] = ()  # the seeds of the last decision
    decisions: list[RaceDecision] = field(default_factory=list)
    stopped: list[StoppedArm] = field(default_factory=list)
    _members: dict[tuple[int, int], Member] = field(default_factory=dict)

    @cached_property
    def progress(self) -> ProgressStore:
        """The store of paused trainings."""
        return ProgressStore(self.store.folder, self.store.warn)

    @property
    def left(self) -> float:
        """The part of the budget that is left."""
        return self.limit.amount - sum(self.spent)

    def member(self, racer: int, seed: int) -> Member:
        """The training of a racer on one seed."""
        if (racer, seed) not in self._members:
            found = self.racers[racer]
            arm, inputs = found.arms[seed], found.inputs
            data, held_out = found.images.seen(arm), found.images.held_out(seed)
            (member,) = members_of(self.study.training, [arm], inputs.base, data, inputs.replay, held_out)
            self._members[racer, seed] = member
        return self._members[racer, seed]

    def stage(self, seed: int, epoch: int, before: int | None, stages: int) -> None:
        """Train all running arms to the end of an epoch on a seed, then decide on stops by all seeds so far.

        `before` is the epoch of the previous decision on the same seed, and `stages` is the number of decisions still
        to come on it. A decision of an earlier run is reused, and nothing is trained for it again.
        """
        seeds = tuple(dict.fromkeys((*self.seeds, seed)))
        key = {
            "method": METHOD,
            "trainings": [self.member(k, seed).key for k in range(len(self.racers)) for seed in self.course.seeds],
            "budget": self.study.training.budget,
            "course": msgspec.to_builtins(self.course),
            "running": list(self.running),
            "seeds": list(seeds),
            "epoch": epoch,
        }
        is_made = self.store.find(KIND, key) is not None
        if not is_made:
            self._train(seed, epoch, before or 0)
        made, _ = self.store.produce(KIND, key, lambda _: self._decided(seeds, epoch, before, stages))
        found = made.value(Decided)
        if is_made:
            passes = sum(self.racers[k].passes for k in self.running) * (epoch - (before or 0))
            took_s = sum(found.spent) - sum(self.spent) if self.limit.unit == "seconds" else 0.0
            self.console.found(Work("train", passes), took_s)
        ran, names = len(self.running), {stop.arm for stop in found.stops}
        self.spent, self.seeds = list(found.spent), seeds
        self.running = [k for k in self.running if self.course.names[k] not in names]
        self.stopped += found.stops
        stopped = [stop.arm for stop in found.stops]
        self.decisions.append(
            RaceDecision(epoch=epoch, seeds=list(seeds), arms=ran, stopped=stopped, spent=sum(self.spent))
        )
        for stop in found.stops:
            self.console.note(f"  {stop.arm} stops after epoch {epoch}: {stop.reason}")

    def _train(self, seed: int, until: int, begun: int) -> None:
        training = self.study.training
        runners = [self.racers[k] for k in self.running]
        for inputs, images in {id(r.inputs): (r.inputs, r.images) for r in runners}.values():
            arms = [r.arms[seed] for r in runners if r.inputs is inputs]
            for group in trained_together(arms, share=training.share):
                data, held_out = images.seen(group[0]), images.held_out(seed)
                work = Work("train", len(data.images) * (until - begun) * len(group))
                with self.console.step(f"to epoch {until}: {title_of(group)}", work=work) as step:
                    step.kept = not train_until(
                        training, group, inputs.base, data, self.store, until, inputs.replay, step.tell, held_out
                    )

    def _decided(self, seeds: Sequence[int], epoch: int, before: int | None, stages: int) -> Decided:
        standings = {(k, seed): self._standing(k, seed) for k in self.running for seed in seeds}
        spent = list(self.spent)
        for k in self.running:
            passes = self.racers[k].passes * epoch * len(seeds)
            in_time = sum(standings[k, seed].seconds for seed in seeds)
            spent[k] = in_time if self.limit.unit == "seconds" else passes
        seen = self._seen(standings, seeds, epoch)
        if stages:
            earlier = None if before is None else self._seen(standings, seeds, before)
            purse: Purse | None = self._on_the_way(spent, epoch, stages, earlier)
        else:
            purse = self._for_further_seeds(spent, len(seeds))
        stops = []
        for stop in decide(self.course, self.running, seen, purse):
            arm = self.racers[stop.arm].any_arm
            stops.append(
                StoppedArm(
                    arm=self.course.names[stop.arm],
                    weights=arm.weights,
                    freeze=arm.freeze,
                    recipe=arm.recipe.name,
                    seeds=list(seeds),
                    epoch=epoch,
                    why=stop.why,
                    reason=stop.reason,
                    target_map=[standings[stop.arm, seed].points[epoch].target_map for seed in seeds],
                )
            )
        return Decided(stops, spent)

    def _on_the_way(self, spent: Sequence[float], epoch: int, stages: int, before: Seen | None) -> Purse:
        """What the opening seed may still spend."""
        course, of_an_epoch = self.course, {k: spent[k] / epoch for k in self.running}
        following, last = course.epochs[course.epochs.index(epoch) + 1], course.epochs[-1]
        of_a_training = fmean(of_an_epoch.values()) * last
        aside = set_aside(of_a_training, self.limit.amount) if course.further else 0.0
        return Purse(
            self.limit.amount - sum(spent) - aside,
            {k: each * (following - epoch) for k, each in of_an_epoch.items()},
            {k: each * (last - epoch) for k, each in of_an_epoch.items()},
            stages,
            before,
        )

    def _for_further_seeds(self, spent: Sequence[float], seeds: int) -> Purse | None:
        """What is left for the seeds to come; None if it does not pay for one, or none comes."""
        left, of_a_seed = self.limit.amount - sum(spent), {k: spent[k] / seeds for k in self.running}
        further = len(self.course.seeds) - seeds
        paid = seeds_paid_for(left, fmean(of_a_seed.values()), len(of_a_seed), further)
        return Purse(left, of_a_seed, {k: paid * each for k, each in of_a_seed.items()}, paid) if paid else None

    def record(self) -> Race:
        """The race in the form of the results."""
        names = self.course.names
        return Race(
            budget=self.study.training.budget or "",
            unit=self.limit.unit,
            limit=self.limit.amount,
            grid=self.limit.grid,
            spent=sum(self.spent),
            alpha=self.course.alpha,
            max_base_drop=self.course.max_base_drop,
            arms=list(names),
            finished=[names[k] for k in self.running],
            seeds=list(self.seeds),
            asked_seeds=list(self.course.seeds),
            decisions=self.decisions,
            stopped=self.stopped,
            ended=self._ended(),
        )

    def _ended(self) -> str:
        left, whole = len(self.running), len(self.racers)
        arms = f"{left} of {whole} arms ran to the end"
        missing = len(self.course.seeds) - len(self.seeds)
        if not missing:
            return f"{arms} on all {len(self.seeds)} seeds."
        return (
            f"{arms} on {len(self.seeds)} of {len(self.course.seeds)} seeds: the rest of the budget does not pay for "
            f"one more seed of {'that arm' if left == 1 else 'two arms'}."
        )

    def survivors(self, entered: Sequence[Entered]) -> list[Entered]:
        """The arms that are left; an arm derived from a stopped training is dropped with it."""
        kept = {id(self.racers[k].inputs): set[Arm]() for k in range(len(self.racers))}
        for k in self.running:
            kept[id(self.racers[k].inputs)] |= {self.racers[k].arms[seed] for seed in self.seeds}
        return [(inputs, [arm for arm in arms if arm.source in kept[id(inputs)]]) for inputs, arms in entered]

    @property
    def resumable(self) -> frozenset[str]:
        """Keys of the trainings that stopped early; their progress is kept so that they can be resumed later."""
        early = {stop.arm for stop in self.stopped if stop.epoch < self.course.epochs[-1]}
        stopped = [k for k, name in enumerate(self.course.names) if name in early]
        return frozenset(self.member(k, self.course.opening).key for k in stopped)

    def _standing(self, racer: int, seed: int) -> Standing:
        found = standing_of(self.member(racer, seed), self.store, self.progress)
        if found is None:
            name = self.racers[racer].arms[seed].name
            raise InputError(f"the training of {name} vanished from {self.store.folder} while it raced; run it again.")
        return found

    def _seen(self, standings: Mapping[tuple[int, int], Standing], seeds: Sequence[int], epoch: int) -> Seen:
        """The accuracies on held-out images after an epoch; an arm without detections has 0."""
        target = np.full((len(self.racers), len(seeds)), np.nan)
        drop = np.full_like(target, np.nan)
        for (k, seed), standing in standings.items():
            point, first = standing.points[epoch], standing.points[0]
            target[k, seeds.index(seed)] = point.target_map or 0.0
            if point.base_map is not None and first.base_map is not None:
                drop[k, seeds.index(seed)] = first.base_map - point.base_map
        return Seen(epoch, target, _known(drop, self.running))


def _known(values: NDArray[np.float64], rows: Sequence[int]) -> NDArray[np.float64] | None:
    return values if np.isfinite(values[list(rows)]).all() else None


def _begun(study: Study, entered: Sequence[Entered], store: ArtifactStore, console: Console) -> Raced:
    budget = study.training.budget
    assert budget is not None
    racers = racers_of(study, entered)
    course = course_of_racers(study, racers)
    limit = limit_of(budget, [racer.passes * study.training.epochs for racer in racers], course)
    return Raced(study, racers, course, limit, store, console, list(range(len(racers))), [0.0] * len(racers))
