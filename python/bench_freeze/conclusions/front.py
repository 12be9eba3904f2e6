"""The Pareto front of a study over target mAP, base mAP and cost, of arms that meet the constraints."""

from __future__ import annotations

from collections.abc import Sequence

from ..stats.pareto import pareto_front
from .candidates import Candidate


def front_of(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The arms that meet all constraints and that no other such arm beats.

    An arm beats another if it is at least as good in target mAP, retained base mAP and cost, and better in one of them.
    Accuracies are compared by value. Costs are compared by rank, as for the pick: an indistinguishable latency is not
    an advantage.
    """
    return pareto_front(
        [candidate for candidate in candidates if not candidate.breaks],
        [
            lambda a, b: a.target - b.target,
            lambda a, b: 0.0 if a.kept == b.kept else a.kept - b.kept,
            lambda a, b: float(b.cost - a.cost),
        ],
    )
