"""Every plot of a report, grouped by purpose in reading order; plots without data are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..view import View
from .by_protocol import figures_of_protocols
from .curves import curves_of_heads, figures_of_heads
from .data_size import data_sizes
from .depth import by_depth
from .features import figures_of_features
from .figure import Figure
from .forgetting import graft_ladder
from .front import accuracy_against_cost
from .gain import figures_of_gain
from .machine import figures_of_machine
from .power_modes import energy_by_mode
from .timing import figures_of_latency
from .training import figures_of_training


@dataclass(frozen=True)
class Groups:
    """The plots of a report."""

    decision: list[Figure]  # the question of the study
    heads: list[Figure]  # precision-recall and F1 of each head
    accuracy: list[Figure]  # what lies behind the accuracies
    latency: list[Figure]  # how well the latencies can be trusted


def grouped(view: View) -> Groups:
    """The plots of a view, grouped by purpose."""
    decision = [by_depth(view), accuracy_against_cost(view)]
    behind = [graft_ladder(view), data_sizes(view)]
    accuracy = [figure for figure in behind if figure is not None]
    accuracy += [
        *figures_of_training(view),
        *figures_of_gain(view),
        *figures_of_protocols(view),
        *figures_of_features(view),
        *figures_of_heads(view),
    ]
    return Groups(
        decision=[figure for figure in decision if figure is not None],
        heads=curves_of_heads(view),
        accuracy=accuracy,
        latency=[*energy_by_mode(view), *figures_of_latency(view), *figures_of_machine(view)],
    )


def figures_of(view: View) -> Sequence[Figure]:
    """All plots, in order."""
    found = grouped(view)
    return [*found.decision, *found.heads, *found.accuracy, *found.latency]
