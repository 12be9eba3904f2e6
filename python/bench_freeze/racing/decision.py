"""One decision of a race: from the held-out values to the arms that stop, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .places import going_on
from .rule import ALPHA, level_of_a_pair, shown_beyond, shown_within, shown_worse

Array = NDArray[np.float64]
Why = Literal["worse", "base", "budget"]


@dataclass(frozen=True)
class Course:
    """What is fixed before a race begins.

    All arms begin on one seed: a second one for all of them would cost more than it tells. A decision follows each of
    `epochs` on that seed, and each further seed, which the arms that are left train on from start to end.
    """

    names: tuple[str, ...]
    epochs: tuple[int, ...]  # the last is the end of the trainings
    seeds: tuple[int, ...]
    max_base_drop: float | None = None  # the most base mAP that an arm may lose; None: no limit
    alpha: float = ALPHA

    def is_end(self, seen: Seen) -> bool:
        """Whether the values are those at the end of the trainings."""
        return seen.epoch == self.epochs[-1]

    @property
    def opening(self) -> int:
        """The seed that all arms begin on."""
        return self.seeds[0]

    @property
    def further(self) -> tuple[int, ...]:
        """The seeds that follow one by one, for the arms that are left."""
        return self.seeds[1:]

    @property
    def decisions(self) -> int:
        """The largest possible number of decisions on several seeds. On one seed nothing can be shown."""
        return max(1, len(self.further))

    @property
    def level(self) -> float:
        """The one-sided significance level of one pair at one decision."""
        return level_of_a_pair(self.alpha, self.decisions, len(self.names))

    @property
    def level_of_base(self) -> float:
        """The one-sided significance level of one arm's base loss at one decision."""
        return self.alpha / self.decisions


@dataclass(frozen=True)
class Seen:
    """Held-out values at one decision, [arms, seeds]; NaN for arms that stopped earlier.

    `base_drop` is the base mAP that the graft has lost since the start of the training; None if it is not measured.
    """

    epoch: int
    target: Array
    base_drop: Array | None = None


@dataclass(frozen=True)
class Purse:
    """What is left of a budget, and for each arm the cost of the next stage and of all remaining ones, in one unit.

    `before` has the values of the previous decision, by which arms are ranked while they train; None at the first
    decision and at the end of the trainings.
    """

    left: float
    next_stage: Mapping[int, float]
    to_the_end: Mapping[int, float]
    stages: int
    before: Seen | None = None


@dataclass(frozen=True)
class Stop:
    """An arm that stops: after which epoch, the kind of reason, and the reason in words."""

    arm: int
    epoch: int
    why: Why
    reason: str


def decide(course: Course, running: Sequence[int], seen: Seen, purse: Purse | None = None) -> tuple[Stop, ...]:
    """The arms that stop at this decision. At least one arm continues.

    Without a `purse`, no arm stops for the budget.
    """
    stops = _beyond(course, running, seen)
    allowed = [arm for arm in running if arm not in stops]
    rivals = _rivals(course, allowed, seen)
    for arm, found in shown_worse(seen.target, allowed, course.level, rivals).items():
        stops[arm] = Stop(
            arm,
            seen.epoch,
            "worse",
            f"shown to be worse than {course.names[found.than]}: {found.gap:.3f} of held-out target mAP behind it on "
            f"average over {seen.target.shape[1]} seeds",
        )
    left = [arm for arm in running if arm not in stops]
    if purse is not None and left:
        stops |= _for_the_budget(course, left, seen, purse)
    return tuple(stops[arm] for arm in sorted(stops))


def ranked(
    running: Sequence[int], seen: Seen, before: Seen | None, max_base_drop: float | None = None, *, ended: bool = False
) -> list[int]:
    """Arms by predicted value, the best first: the mean held-out mAP plus its rise since the previous decision.

    For trainings that have `ended` it is the mean alone; `before` is None then.

    From one decision to the next, the summed learning rate about doubles, and learning curves are roughly straight over
    its logarithm. From the second decision on, arms that are predicted to lose more base mAP than allowed come after
    all others. The first decision is too early for that: the first epochs have the highest rates and lose the most, and
    what replay or distillation wins back shows later. Ties keep the order of the arms.
    """
    promise = _promised(seen.target, None if before is None else before.target)
    beyond = np.zeros(len(promise), dtype=np.bool_)
    if max_base_drop is not None and seen.base_drop is not None and (ended or before is not None):
        beyond = _promised(seen.base_drop, None if before is None else before.base_drop) > max_base_drop
    return sorted(running, key=lambda arm: (bool(beyond[arm]), -float(promise[arm]), arm))


def _promised(now: Array, before: Array | None) -> Array:
    mean = now.mean(axis=1)
    return np.asarray(mean if before is None else 2 * mean - before.mean(axis=1))


def _rivals(course: Course, allowed: Sequence[int], seen: Seen) -> Sequence[int]:
    """Arms that may stop others by their target mAP: with a limit, those that are shown to keep it.

    An arm beyond the limit cannot be picked. If it stopped another one, the best arm within the limit could be lost.
    Each arm is tested at the level of a pair: whether a rival is within the limit or beyond it, only one of the two
    tests can be wrong at the best arm's expense.
    """
    if course.max_base_drop is None:
        return allowed
    if seen.base_drop is None:
        return ()
    return shown_within(seen.base_drop, allowed, course.max_base_drop, course.level)


def _beyond(course: Course, running: Sequence[int], seen: Seen) -> dict[int, Stop]:
    """Arms that break the limit on the base task. If all do, the one that lost least continues."""
    if course.max_base_drop is None or seen.base_drop is None:
        return {}
    found = shown_beyond(seen.base_drop, running, course.max_base_drop, course.level_of_base)
    if len(found) == len(running):
        found.pop(min(found, key=found.__getitem__))
    return {
        arm: Stop(
            arm,
            seen.epoch,
            "base",
            f"shown to lose more base mAP than --max-base-drop {course.max_base_drop:g}: {loss:.3f} on average "
            f"over {seen.target.shape[1]} seeds, by the graft on base images",
        )
        for arm, loss in found.items()
    }


def _for_the_budget(course: Course, left: Sequence[int], seen: Seen, purse: Purse) -> dict[int, Stop]:
    ended = course.is_end(seen)
    order = ranked(left, seen, purse.before, course.max_base_drop, ended=ended)
    chosen = going_on(order, purse.next_stage, purse.to_the_end, purse.left, purse.stages)
    means = seen.target.mean(axis=1)
    another, rise = " on another seed" if ended else "", "" if ended else " and its rise"
    return {
        arm: Stop(
            arm,
            seen.epoch,
            "budget",
            f"not shown to be worse: the budget has room for {len(chosen)} of the {len(left)} arms left{another}, "
            f"and by held-out mAP{rise} it is number {place} ({means[arm]:.3f}; number 1: {means[order[0]]:.3f})",
        )
        for place, arm in enumerate(order, 1)
        if arm not in chosen
    }
