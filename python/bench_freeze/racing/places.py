"""How many arms a budget lets continue, and which: a choice by held-out means, reported as a choice and not a finding.

The remaining budget is divided equally over the remaining stages, as in successive halving (Karnin et al. 2013,
Jamieson and Talwalkar 2016): early stages are cheap and admit many arms, the last one is expensive and admits few. Arms
that the rule stopped make room for others first. One arm always continues, and its cost to the end is set aside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SET_ASIDE = 3  # trainings on a second seed: the first arms are compared on more than one
MOST_ASIDE = 0.15  # of a budget


def going_on(
    order: Sequence[int], costs: Mapping[int, float], to_the_end: Mapping[int, float], left: float, stages: int
) -> list[int]:
    """The arms for which there is room in the next stage.

    `order` lists the arms, best first. `costs` are those of the next stage and `to_the_end` those of all remaining
    stages, in the unit of `left`; `stages` is the number of remaining stages.
    """
    if not order:
        return []
    aside = to_the_end[order[0]] - costs[order[0]]
    room = min(max(left / stages, costs[order[0]]), left - aside)
    chosen = [order[0]]
    taken = costs[order[0]]
    for arm in order[1:]:
        if taken + costs[arm] > room:
            break
        chosen.append(arm)
        taken += costs[arm]
    return chosen


def set_aside(of_a_training: float, limit: float) -> float:
    """The part of a budget that the opening seed may not spend; nothing of a small budget, which needs it there."""
    aside = SET_ASIDE * of_a_training
    return aside if aside <= MOST_ASIDE * limit else 0.0


def seeds_paid_for(left: float, of_a_seed: float, running: int, further: int) -> int:
    """Over how many of the `further` seeds the rest is divided: so many that two arms can train on each of them.

    `of_a_seed` is what one of the `running` arms takes on one seed. 0 means that no further seed is paid for.
    """
    return max(0, min(further, int(left / (min(2, running) * of_a_seed) + 1e-9)))  # a time may be overrun: left < 0
