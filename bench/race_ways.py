"""Ways to spend a budget on arms: a race by the real rule, and successive halving on raw means, on given curves.

Both read curves that continue to the end whether or not the arm would have been stopped: simulated (race_model.py) or
recorded (race_on_grid.py). The cost of an arm is its epochs times its seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench_freeze.racing.decision import Course, Purse, Seen, decide
from bench_freeze.racing.places import going_on, seeds_paid_for, set_aside

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """The scores of every arm, on each seed, at each look and at the end.

    With `limit`, an arm whose mean `reported_drop` is above it cannot be picked.
    """

    looks: tuple[int, ...]  # epochs; the last is the end
    held_out: Array  # [arms, seeds, looks] target mAP
    reported: Array  # [arms, seeds] target mAP of the split that no decision sees
    base_drop: Array | None = None  # [arms, seeds, looks] base mAP that the graft has lost
    reported_drop: Array | None = None  # [arms, seeds] of the rows
    limit: float | None = None

    @property
    def epochs(self) -> int:
        """The epochs of a whole training."""
        return self.looks[-1]

    @property
    def grid(self) -> int:
        """The cost of all arms and seeds."""
        arms, seeds, _ = self.held_out.shape
        return int(arms * seeds * self.epochs)

    def keeps_limit(self, arm: int) -> bool:
        """Whether an arm keeps the limit, on average over all seeds."""
        if self.limit is None or self.reported_drop is None:
            return True
        return bool(self.reported_drop[arm].mean() <= self.limit)

    def best(self, arms: Sequence[int], seeds: int) -> int:
        """The arm within the limit with the highest mean over the first seeds; without one, that which loses least."""
        if self.limit is not None and self.reported_drop is not None:
            drops = self.reported_drop[:, :seeds].mean(axis=1)
            within = [arm for arm in arms if drops[arm] <= self.limit]
            if not within:
                return min(arms, key=lambda arm: float(drops[arm]))
            arms = within
        means = self.reported[:, :seeds].mean(axis=1)
        return max(arms, key=lambda arm: float(means[arm]))


@dataclass(frozen=True)
class Spent:
    """The outcome of a way: its pick, its cost as a share of the grid, and which arms stopped for which reason."""

    pick: int
    share: float
    seeds: int
    why: dict[int, str]


def race(curves: Curves, budget: float) -> Spent | None:
    """Race by the real rule; None if the budget is too small to begin."""
    arms, seeds, _ = curves.held_out.shape
    names = tuple(f"arm {k}" for k in range(arms))
    course = Course(names, curves.looks, tuple(range(seeds)), curves.limit)
    ran, end = 1, curves.epochs
    running = list(range(arms))
    spent, limit = arms * curves.looks[0], budget * curves.grid
    if spent + end - curves.looks[0] > limit:
        return None
    aside = set_aside(end, limit) if course.further else 0.0
    before: Seen | None = None
    why: dict[int, str] = {}
    for k, epoch in enumerate(curves.looks[:-1]):
        seen = _seen(curves, ran, k)
        cost, rest = curves.looks[k + 1] - epoch, end - epoch
        left, stages = limit - spent - aside, len(curves.looks) - 1 - k
        purse = Purse(left, dict.fromkeys(running, cost), dict.fromkeys(running, rest), stages, before)
        why |= {stop.arm: stop.why for stop in decide(course, running, seen, purse)}
        running = [arm for arm in running if arm not in why]
        spent += cost * len(running)
        before = seen
    while True:
        seen = _seen(curves, ran, len(curves.looks) - 1)
        paid = seeds_paid_for(limit - spent, end, len(running), seeds - ran)
        again = None
        if paid:
            again = Purse(limit - spent, dict.fromkeys(running, end), dict.fromkeys(running, paid * end), paid)
        why |= {stop.arm: stop.why for stop in decide(course, running, seen, again)}
        running = [arm for arm in running if arm not in why]
        if ran == seeds or spent + end * len(running) > limit:
            return Spent(curves.best(running, ran), spent / curves.grid, ran, why)
        spent, ran = spent + end * len(running), ran + 1


def halving(curves: Curves, budget: float, seeds: int) -> Spent | None:
    """Halving with an equal share of the budget per stage; the highest means continue, arms within the limit first."""
    arms = len(curves.held_out)
    running = list(range(arms))
    left = budget * curves.grid - seeds * arms * curves.looks[0]
    if left < seeds * (curves.epochs - curves.looks[0]):
        return None
    for k, epoch in enumerate(curves.looks[:-1]):
        seen = _seen(curves, seeds, k)
        means = seen.target.mean(axis=1)
        beyond = np.zeros(arms, dtype=np.bool_)
        if seen.base_drop is not None and curves.limit is not None:
            beyond = seen.base_drop.mean(axis=1) > curves.limit
        cost, rest = seeds * (curves.looks[k + 1] - epoch), seeds * (curves.epochs - epoch)
        order = sorted(running, key=lambda arm: (bool(beyond[arm]), -float(means[arm])))
        costs, ends = dict.fromkeys(running, float(cost)), dict.fromkeys(running, float(rest))
        running = going_on(order, costs, ends, left, len(curves.looks) - 1 - k)
        left -= cost * len(running)
    return Spent(curves.best(running, seeds), budget - left / curves.grid, seeds, {})


def _seen(curves: Curves, seeds: int, look: int) -> Seen:
    drop = None if curves.base_drop is None else curves.base_drop[:, :seeds, look]
    return Seen(curves.looks[look], curves.held_out[:, :seeds, look], drop)
