"""Accuracy against cost: the front from the results, and the arms that break a constraint, which are never on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..view import RowView, View
from .figure import Axis, Figure, Series

BROKEN = "breaks a constraint"
Place = Callable[[RowView], tuple[float | None, float | None, float | None]]  # value and both ends on the cost axis


def accuracy_against_cost(view: View) -> Figure | None:
    """Target mAP against the median latency, or against the size of the file where latency was not measured."""
    arms = [row for row in view.arms() if row.value("target_map").value is not None]
    timed = [row for row in arms if row.value("model_p50").value is not None]
    rows = timed or arms
    if not rows:
        return None
    place = _milliseconds if timed else _megabytes
    kept = [row for row in rows if not row.breaks]
    series = [
        _points(name, group, own, place, position)
        for position, (name, group, own) in enumerate(_by_construction(view, kept))
    ]
    broken = [row for row in rows if row.breaks]
    if broken:
        series.append(_points(BROKEN, "rest", broken, place, 4))
    front = sorted((row for row in rows if row.on_front), key=lambda row: place(row)[0] or 0.0)
    if front:
        series.append(_marked("on the front", front, place, "front"))
    if picked := [row for row in rows if row.id in view.picked]:
        series.append(_marked("recommended", picked, place, "pick"))
    return Figure(
        key="tradeoff",
        title=f"Target mAP against {'latency' if timed else 'size'}",
        says=_says(rows, front, broken),
        x=Axis("engine, median of a batch, ms" if timed else "deployed file, MB"),
        y=Axis("target mAP"),
        series=series,
        notes=_notes(rows, front, broken),
    )


def _points(name: str, group: str, rows: Sequence[RowView], place: Place, symbol: int) -> Series:
    places = [place(row) for row in rows]
    return Series(
        name=name,
        x=[at[0] for at in places],
        x_low=[at[1] for at in places],
        x_high=[at[2] for at in places],
        y=[row.value("target_map").value for row in rows],
        low=[row.value("target_map").low for row in rows],
        high=[row.value("target_map").high for row in rows],
        labels=[row.name for row in rows],
        group=group,
        symbol=symbol,
        named=True,
    )


def _marked(name: str, rows: Sequence[RowView], place: Place, mark: str) -> Series:
    return Series(
        name=name,
        x=[place(row)[0] for row in rows],
        y=[row.value("target_map").value for row in rows],
        labels=[row.name for row in rows],
        mark="pick" if mark == "pick" else "front",
    )


def _by_construction(view: View, rows: Sequence[RowView]) -> list[tuple[str, str, list[RowView]]]:
    several = len({row.source for row in view.rows}) > 1
    found: dict[tuple[str, str], list[RowView]] = {}
    for row in rows:
        found.setdefault((row.source if several else "", row.key.construction), []).append(row)
    return [(f"{source}: {made}" if source else made, made, own) for (source, made), own in sorted(found.items())]


def _says(rows: Sequence[RowView], front: Sequence[RowView], broken: Sequence[RowView]) -> str:
    best = max(rows, key=lambda row: row.value("target_map").value or 0.0)
    says = f"{len(rows)} models. Highest target mAP: {best.value('target_map').value:.4f} ({best.name})."
    if front:
        says += f" On the front: {', '.join(row.name for row in front)}."
    return says + (f" {len(broken)} break a constraint." if broken else "")


def _notes(rows: Sequence[RowView], front: Sequence[RowView], broken: Sequence[RowView]) -> str:
    if not front and all(row.on_front is None for row in rows):
        return "These results come from an older version, which kept no front of the models that meet the constraints."
    notes = "Front: no other model that meets the constraints is better in target mAP, base mAP and cost at once."
    return notes + (" Grey models break a constraint; the table says which." if broken else "")


def _milliseconds(row: RowView) -> tuple[float | None, float | None, float | None]:
    value = row.value("model_p50")
    return _scaled(value.value, 1e3), _scaled(value.low, 1e3), _scaled(value.high, 1e3)


def _megabytes(row: RowView) -> tuple[float | None, float | None, float | None]:
    return _scaled(row.value("size").value, 1e-6), None, None


def _scaled(value: float | None, by: float) -> float | None:
    return None if value is None else value * by
