"""What a budget buys, computed in advance: how many arms get how far if only the budget stops them."""

from __future__ import annotations

from .decision import Course
from .places import going_on, seeds_paid_for, set_aside


def bought(course: Course, cost: float, limit: float) -> list[tuple[int, int]]:
    """[(epoch, arms that continue after it)] without the last epoch, if no arm is shown to be worse.

    `cost` is the cost of one epoch of one arm and seed, in the unit of the limit. An arm that stops as worse only makes
    room for the others.
    """
    running, last = len(course.names), course.epochs[-1]
    left = limit - (set_aside(cost * last, limit) if course.further else 0.0)
    left -= running * cost * course.epochs[0]
    found = []
    for place, epoch in enumerate(course.epochs[:-1]):
        stage = cost * (course.epochs[place + 1] - epoch)
        order = range(running)
        ends = dict.fromkeys(order, cost * (last - epoch))
        running = len(going_on(order, dict.fromkeys(order, stage), ends, left, len(course.epochs) - 1 - place))
        left -= running * stage
        found.append((epoch, running))
    return found


def seeds_bought(course: Course, cost: float, limit: float) -> list[int]:
    """How many arms train on each further seed that the rest of the budget pays for; see `bought`."""
    going = [len(course.names), *(arms for _, arms in bought(course, cost, limit))]
    spans = [epoch - before for before, epoch in zip((0, *course.epochs), course.epochs, strict=False)]
    left = limit - sum(arms * span for arms, span in zip(going, spans, strict=True)) * cost
    running, of_a_seed, found = going[-1], cost * course.epochs[-1], list[int]()
    for place in range(len(course.further)):
        seeds = seeds_paid_for(left, of_a_seed, running, len(course.further) - place)
        if not seeds:
            break
        order = range(running)
        ends = dict.fromkeys(order, seeds * of_a_seed)
        running = len(going_on(order, dict.fromkeys(order, of_a_seed), ends, left, seeds))
        left -= running * of_a_seed
        found.append(running)
    return found
