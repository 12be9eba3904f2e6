"""Every plot of a report in the order in which it is read; one without data is not there."""

from __future__ import annotations

from collections.abc import Sequence

from ..view import View
from .curves import figures_of_heads
from .features import figures_of_features
from .figure import Figure
from .forgetting import graft_ladder
from .gain import figures_of_gain
from .machine import figures_of_machine
from .timing import figures_of_latency
from .tradeoff import accuracy_against_latency, base_by_depth, data_sizes


def figures_of(view: View) -> Sequence[Figure]:
    """The plots of a view."""
    first = (accuracy_against_latency(view), base_by_depth(view), graft_ladder(view), data_sizes(view))
    found = [figure for figure in first if figure is not None]
    found += [*figures_of_gain(view), *figures_of_features(view), *figures_of_heads(view)]
    return [*found, *figures_of_latency(view), *figures_of_machine(view)]
