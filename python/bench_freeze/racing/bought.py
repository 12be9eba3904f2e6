"""What a budget buys, computed in advance: how many arms get how far if only the budget stops them."""

from __future__ import annotations

from .decision import Course
from .places import going_on


def bought(course: Course, cost: float, limit: float) -> list[tuple[int, int]]:
    """[(epoch, arms that continue after it)] without the last epoch, if no arm is shown to be worse.

    `cost` is the cost of one epoch of one arm and seed, in the unit of the limit. An arm that stops as worse only makes
    room for the others.
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
