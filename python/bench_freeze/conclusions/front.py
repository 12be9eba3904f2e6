"""The one Pareto computation of a study: target mAP, base mAP and cost, of arms that keep to the constraints."""

from __future__ import annotations

from collections.abc import Sequence

from ..stats.pareto import pareto_front
from .candidates import Candidate


def front_of(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The arms that keep to every constraint and that no other such arm beats.

    One beats another if it is at least as good in target mAP, in what is kept of the base mAP and in cost, and better
    in one of them. Accuracies count by their values. Costs count by their ranks, the order that the pick goes by: a
    latency that is not distinguished from another is not an advantage.
    """
    return pareto_front(
        [candidate for candidate in candidates if not candidate.breaks],
        [
            lambda a, b: a.target - b.target,
            lambda a, b: 0.0 if a.kept == b.kept else a.kept - b.kept,
            lambda a, b: float(b.cost - a.cost),
        ],
    )
