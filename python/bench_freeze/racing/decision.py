"""One decision of a race: from the held-out values to the arms that stop, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .places import going_on
from .rule import ALPHA, at_end, level_of_a_pair, shown_beyond, shown_worse

Array = NDArray[np.float64]
Why = Literal["worse", "base", "budget"]
OPENING_SEEDS = 1  # seeds that every arm begins with: a second one for all arms costs more than it tells


@dataclass(frozen=True)
class Course:
    """What is fixed before a race begins.

    `comparable_from` is, for each arm, the epoch from which it trains all the layers that it will ever train.
    `decisions` counts the decisions during the trainings and the one after each further seed. On one seed nothing can
    be shown; counting those decisions too errs on the safe side.
    """

    names: tuple[str, ...]
    comparable_from: tuple[int, ...]
    epochs: tuple[int, ...]  # a decision follows each of these; the last is the end of the trainings
    seeds: tuple[int, ...]
    max_base_drop: float | None = None  # the most base mAP that an arm may lose; None: no limit
    alpha: float = ALPHA

    def is_end(self, seen: Seen) -> bool:
        """Whether the values are those at the end of the trainings."""
        return seen.epoch == self.epochs[-1]

    @property
    def opening(self) -> tuple[int, ...]:
        """The seeds that all arms begin with, together."""
        return self.seeds[:OPENING_SEEDS]

    @property
    def further(self) -> tuple[int, ...]:
        """The seeds that follow one by one, for the arms that are left."""
        return self.seeds[OPENING_SEEDS:]

    @property
    def decisions(self) -> int:
        """The largest possible number of decisions."""
        return len(self.epochs) + len(self.further)

    @property
    def level(self) -> float:
        """The one-sided significance level of one pair at one decision."""
        return level_of_a_pair(self.alpha, self.decisions, len(self.names))


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
    """What is left of a budget, and for each arm the cost of the next stage and of all remaining ones, in one unit."""

    left: float
    next_stage: Mapping[int, float]
    to_the_end: Mapping[int, float]
    stages: int


@dataclass(frozen=True)
class Stop:
    """An arm that stops: after which epoch, the kind of reason, and the reason in words."""

    arm: int
    epoch: int
    why: Why
    reason: str


def decide(
    course: Course, running: Sequence[int], seen: Seen, before: Seen | None, purse: Purse | None
) -> tuple[Stop, ...]:
    """The arms that stop at this decision. At least one arm continues.

    `before` has the values of the previous decision for the same seeds; it is not used at the end of the trainings.
    Without a `purse`, no arm stops for the budget.
    """
    judged = [arm for arm in running if course.is_end(seen) or _has_pace(course.comparable_from[arm], before)]
    earlier, ahead = _pace(course, seen, before)
    stops = _beyond(course, running, judged, seen, before)
    allowed = [arm for arm in judged if arm not in stops]
    rivals = [arm for arm in allowed if not _may_be_beyond(course, seen, before)[arm]]
    worse = shown_worse(seen.target, earlier, ahead, allowed, course.level, rivals)
    for arm, found in worse.items():
        end = f", and {found.gap_at_end:.3f} at the end if it went on closing the gap as before"
        stops[arm] = Stop(
            arm,
            seen.epoch,
            "worse",
            f"shown to be worse than {course.names[found.than]}: {found.gap:.3f} of held-out target mAP behind it on "
            f"average over {_seeds(seen.target.shape[1])}{'' if course.is_end(seen) else end}",
        )
    left = [arm for arm in running if arm not in stops]
    if purse is not None and left:
        stops |= _for_the_budget(course, left, seen, None if course.is_end(seen) else before, purse)
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


def _may_be_beyond(course: Course, seen: Seen, before: Seen | None) -> NDArray[np.bool_]:
    """[arms] whether an arm has lost more base mAP than allowed on average, or would by the end at its pace.

    That alone stops no arm, since it is not shown. But an arm that may break the limit must not stop another one by its
    target mAP.
    """
    if course.max_base_drop is None or seen.base_drop is None:
        return np.zeros(len(seen.target), dtype=np.bool_)
    earlier, ahead = _pace_of_loss(course, seen, before)
    ends = at_end(seen.base_drop, earlier, ahead)
    return np.asarray(np.maximum(seen.base_drop.mean(axis=1), ends.mean(axis=1)) > course.max_base_drop)


def _has_pace(comparable_from: int, before: Seen | None) -> bool:
    """Whether an arm trained all its layers at the previous decision already, so that a pace can be computed."""
    return before is not None and before.epoch > comparable_from


def _ahead(course: Course, seen: Seen, before: Seen) -> float:
    return (course.epochs[-1] - seen.epoch) / (seen.epoch - before.epoch)


def _pace(course: Course, seen: Seen, before: Seen | None) -> tuple[Array, float]:
    if course.is_end(seen) or before is None:
        return seen.target, 0.0
    return before.target, _ahead(course, seen, before)


def _pace_of_loss(course: Course, seen: Seen, before: Seen | None) -> tuple[Array, float]:
    assert seen.base_drop is not None
    if course.is_end(seen) or before is None or before.base_drop is None:
        return seen.base_drop, 0.0
    return before.base_drop, _ahead(course, seen, before)


def _beyond(
    course: Course, running: Sequence[int], judged: Sequence[int], seen: Seen, before: Seen | None
) -> dict[int, Stop]:
    """Arms that break the limit on the base task. If all do, the one that lost least continues."""
    if course.max_base_drop is None or seen.base_drop is None:
        return {}
    earlier, ahead = _pace_of_loss(course, seen, before)
    level = course.alpha / course.decisions
    found = shown_beyond(seen.base_drop, earlier, ahead, judged, course.max_base_drop, level)
    if len(found) == len(running):
        found.pop(min(found, key=lambda arm: found[arm].loss), None)
    return {
        arm: Stop(
            arm,
            seen.epoch,
            "base",
            f"shown to lose more base mAP than --max-base-drop {course.max_base_drop:g}: {one.loss:.3f} on average "
            f"over {_seeds(seen.target.shape[1])}, by the graft on base images",
        )
        for arm, one in found.items()
    }


def _for_the_budget(
    course: Course, left: Sequence[int], seen: Seen, before: Seen | None, purse: Purse
) -> dict[int, Stop]:
    ended = course.is_end(seen)
    order = ranked(left, seen, before, course.max_base_drop, ended=ended)
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


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"
