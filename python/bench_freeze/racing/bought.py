"""What a budget buys, told before it is spent: how many arms go how far where the budget alone stops them."""

from __future__ import annotations

from .decision import Course
from .places import going_on


def bought(course: Course, cost: float, limit: float) -> list[tuple[int, int]]:
    """[(epoch, arms that go on behind it)], the last epoch excluded, where no arm is shown to be worse.

    `cost` is of an epoch of one arm and seed, in the unit of the limit. Arms that are shown to be worse make room, so
    of the others at least as many go on.
    """
    running, left = len(course.names), limit
    seeds, last = len(course.opening), course.epochs[-1]
    left -= running * seeds * cost * course.epochs[0]
    found = []
    for place, epoch in enumerate(course.epochs[:-1]):
        stage = seeds * cost * (course.epochs[place + 1] - epoch)
        order = range(running)
        ends = dict.fromkeys(order, seeds * cost * (last - epoch))
        running = len(going_on(order, dict.fromkeys(order, stage), ends, left, len(course.epochs) - 1 - place))
        left -= running * stage
        found.append((epoch, running))
    return found
