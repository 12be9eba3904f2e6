"""What the budget of a race buys, and what work it leaves, before anything is trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..config.budget import Budget, parse_budget
from ..config.study import Study
from ..racing.bought import bought, seeds_bought
from ..racing.decision import Course
from .arms import arms_of
from .inputs import Inputs
from .plan import KINDS, Plan
from .race_terms import fewest_passes, limit_of
from .racers import course_of_racers, racers_of


def check_budget(study: Study, every: Sequence[Inputs]) -> None:
    """Raise InputError for a budget too small to begin every arm and finish one; without a budget, do nothing."""
    budget = study.training.budget
    if budget is not None:
        racers = racers_of(study, [(inputs, arms_of(study.training, inputs, every)) for inputs in every])
        passes = [racer.passes * study.training.epochs for racer in racers]
        limit_of(budget, passes, course_of_racers(study, racers))


@dataclass(frozen=True)
class Buys:
    """What a budget buys if no arm is shown to be worse. One pass is one training image seen in one epoch."""

    name: str
    budget: Budget
    course: Course
    passes: tuple[float, ...]  # by arm: passes of a complete training on one seed
    pass_s: float | None  # seconds per pass, where known

    @property
    def grid(self) -> float:
        """Passes that complete trainings of all arms and seeds take."""
        return sum(self.passes) * len(self.course.seeds)

    @property
    def limit(self) -> float | None:
        """Passes that the budget pays for; None for a budget in time when the time per pass is unknown."""
        if self.budget.share is not None:
            return self.budget.share * self.grid
        if self.pass_s is None or self.budget.seconds is None:
            return None
        return self.budget.seconds / self.pass_s

    @property
    def limit_s(self) -> float | None:
        """Seconds that the trainings may take; None where they are unknown."""
        if self.budget.seconds is not None:
            return self.budget.seconds
        return None if self.pass_s is None or self.limit is None else self.limit * self.pass_s

    @cached_property
    def stages(self) -> list[tuple[int, int]]:
        """Pairs (epoch, arms that continue after it); empty where the limit is unknown or the race has one stage."""
        if self.limit is None:
            return []
        return bought(self.course, self._of_an_epoch, self.limit)

    @property
    def _of_an_epoch(self) -> float:
        """Passes per epoch of one arm on one seed, on average."""
        return sum(self.passes) / len(self.passes) / self.course.epochs[-1]

    @cached_property
    def finished(self) -> tuple[int, int]:
        """How many arms run to the end, and on how many seeds; one arm on the opening seed if the limit is unknown."""
        if self.limit is None:
            return 1, 1
        arms = [len(self.passes), *(going for _, going in self.stages), *self.further]
        return arms[-1], 1 + len(self.further)

    @cached_property
    def further(self) -> list[int]:
        """How many arms train on each further seed that is paid for."""
        return [] if self.limit is None else seeds_bought(self.course, self._of_an_epoch, self.limit)

    @property
    def share_to_the_end(self) -> float:
        """The share of all trainings that run to the end."""
        arms, seeds = self.finished
        return arms * seeds / (len(self.passes) * len(self.course.seeds))

    def sentences(self) -> list[str]:
        """What the budget buys, in sentences."""
        course, limit, grid, racers = self.course, self.limit, self.grid, len(self.passes)
        if limit is None:
            return [f"Budget {self.name}: no training is left that could be timed."]
        time = ""
        if self.pass_s is not None:
            time = f", about {limit * self.pass_s / 60:.0f} of {grid * self.pass_s / 60:.0f} minutes"
        share = f"{min(1.0, limit / grid):.0%} of what all {racers} arms and {_seeds(course.seeds)} take"
        lines = [f"Budget {self.name}: {share}{time}."]
        if limit < (fewest := fewest_passes(self.passes, course)):
            return [*lines, f"That is too little: beginning all arms and finishing one takes {fewest / grid:.0%}."]
        going = [f"{arms} after epoch {epoch}" for epoch, arms in self.stages]
        last = self.stages[-1][1] if self.stages else racers
        kept = ", ".join(going) or "all"
        lines.append(
            f"All arms begin on seed {course.opening}. The budget keeps {kept}, and {last} to the end; "
            "one seed cannot show that an arm is worse."
        )
        if self.further:
            on = [f"{arms} on seed {seed}" for arms, seed in zip(self.further, course.further, strict=False)]
            lines.append(f"Then the rest of the budget pays for the best arms on further seeds: {', '.join(on)}.")
        elif course.further:
            one = sum(self.passes) / racers / limit
            lines.append(
                f"The rest pays for no further seed of two arms: one arm takes {one:.1%} of the budget per seed."
            )
        return lines


def what_it_buys(
    study: Study, every: Sequence[Inputs], seconds: float | None = None, passes: float = 0.0
) -> Buys | None:
    """What the study's budget buys; None without one. `seconds` is the time for `passes` image passes, if known."""
    budget = study.training.budget
    if budget is None:
        return None
    racers = racers_of(study, [(inputs, arms_of(study.training, inputs, every)) for inputs in every])
    return Buys(
        name=budget,
        budget=parse_budget(budget),
        course=course_of_racers(study, racers),
        passes=tuple(racer.passes * study.training.epochs for racer in racers),
        pass_s=seconds / passes if seconds and passes else None,
    )


def seconds_within(buys: Buys, raced: Collection[str], plan: Plan, seconds: Mapping[str, float]) -> dict[str, float]:
    """Scale the seconds by kind that all arms would take to those that the budget leaves. `raced` names the racers."""
    found: dict[str, float] = {}
    for kind in KINDS:
        if kind not in seconds:
            continue
        to_do = plan.to_do(kind)
        whole = sum(work.units for work in to_do)
        of_racers = sum(work.units for work in to_do if work.of in raced)
        left = 1 - of_racers / whole * (1 - buys.share_to_the_end) if whole else 1.0
        found[kind] = seconds[kind] * left
    if "train" in seconds:
        found["train"] = seconds["train"] if buys.limit_s is None else min(seconds["train"], buys.limit_s)
    return found


def units_of_race(study: Study, every: Sequence[Inputs], plan: Plan) -> tuple[dict[str, float], dict[str, float]]:
    """Remaining units by kind in a study that races, and the most seconds that a kind may take."""
    buys = what_it_buys(study, every)
    assert buys is not None
    asked, raced = study.analysis, names_of_racers(study, every)
    others = plan.units_to_do(asked, lambda name: name not in raced)
    own = plan.units_to_do(asked, raced.__contains__)
    units = {kind: others.get(kind, 0.0) + buys.share_to_the_end * own.get(kind, 0.0) for kind in {**others, **own}}
    most_s = {} if buys.budget.seconds is None else {"train": buys.budget.seconds}
    return units | {"train": buys.grid if buys.limit is None else buys.limit}, most_s


def units_after_race(plan: Plan, study: Study, left: Collection[str]) -> dict[str, float]:
    """Remaining units by kind after a race, for the arms that are left, all of which are trained."""
    return plan.units_to_do(study.analysis, lambda name: name in left) | {"train": 0.0}


def names_of_racers(study: Study, every: Sequence[Inputs]) -> set[str]:
    """The names, as in a plan, of the arms that race."""
    return {arm.name for inputs in every for arm in arms_of(study.training, inputs, every)}


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
