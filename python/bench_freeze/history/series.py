"""The series of a history: one metric of one row over the runs that have it, with change points."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..check.metric import METRICS
from ..check.row_names import row_names
from ..results.identity import RowKey
from .changes import Change, can_find_changes, changes
from .runs import Place, Run

SHOWN = ("latency_model", "latency_pipeline", "energy", "size", "target_map", "base_map")
_ORDER = list(METRICS)
_SCALES = {"latency": (1e3, "ms", 3), "size": (1e-6, "MB", 3), "energy": (1.0, "J", 4)}
_TICKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Series:
    """One line of a history. `runs` has positions in the history, `values` the metric's values there."""

    name: str
    metric: str
    runs: tuple[int, ...]
    values: tuple[float, ...]
    changes: tuple[Change, ...]

    @property
    def title(self) -> str:
        """The metric in words."""
        return METRICS[self.metric].words

    @property
    def has_changed(self) -> bool:
        """Whether the last level differs from the first."""
        return bool(self.changes)

    def shown(self, value: float) -> str:
        """A value in the display unit of its metric."""
        scale, unit, digits = _SCALES.get(METRICS[self.metric].subject, (1.0, "", 4))
        return f"{value * scale:.{digits}f} {unit}".rstrip()

    def sparkline(self) -> str:
        """The values as block characters of different heights, one per value."""
        low, high = min(self.values), max(self.values)
        step = (high - low) / (len(_TICKS) - 1)
        return "".join(_TICKS[round((value - low) / step) if step else 0] for value in self.values)

    def sentences(self, runs: Sequence[Run]) -> list[str]:
        """Each change in words, and the total if there are several."""
        told = [
            f"{self.name}: {self.title} {self.shown(change.before)} → {self.shown(change.after)}{_share(change)} from "
            f"{runs[self.runs[change.position]].label} on"
            for change in self.changes
        ]
        if len(self.changes) > 1:
            whole = Change(0, self.changes[0].before, self.changes[-1].after)
            told.append(f"{self.name}: {self.title}, {len(self.changes)} changes together{_share(whole)}")
        return told


def make_series(runs: Sequence[Run], metrics: Collection[str]) -> list[Series]:
    """The series of these metrics with values in at least two runs; change points need ruptures.

    All series share one probability of a false change point. A row that was measured on several machines, or scored on
    several data sets, has one series for each.
    """
    found: dict[Place, list[tuple[int, float]]] = {}
    for position, run in enumerate(runs):
        for place, value in run.values.items():
            if place.metric in metrics:
                found.setdefault(place, []).append((position, value))
    places = {place: points for place, points in found.items() if len(points) > 1}
    names = row_names(place.key for place in places)
    conditions: dict[tuple[RowKey, str], int] = {}
    for place in places:
        conditions[place.key, place.metric] = conditions.get((place.key, place.metric), 0) + 1
    is_searched = can_find_changes()
    made = []
    for place, points in sorted(places.items(), key=lambda entry: _ORDER.index(entry[0].metric)):
        several = conditions[place.key, place.metric] > 1
        values = tuple(value for _, value in points)
        made.append(
            Series(
                name=f"{names[place.key]} ({place.condition})" if several else names[place.key],
                metric=place.metric,
                runs=tuple(position for position, _ in points),
                values=values,
                changes=tuple(changes(values, len(places))) if is_searched else (),
            )
        )
    return made


def _share(change: Change) -> str:
    return "" if change.share is None else f" ({change.share:+.1%})".replace("%", " %")
