"""Accuracy against cost, and what depth does to the base task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from ...results.identity import varying
from ...results.schema import Row
from ..view import RowView, View
from .figure import Axis, Figure, Series

CONSTRUCTIONS = ("branched", "grafted", "plain")


def accuracy_against_latency(view: View) -> Figure | None:
    """Target mAP against the median latency, with the front of rows that no other beats in both."""
    rows = [row for row in view.arms() if _both(row)]
    if not rows:
        return None
    series = [
        Series(
            name=construction if source is None else f"{source}: {construction}",
            x=[_ms(row.value("model_p50").value) for row in group],
            x_low=[_ms(row.value("model_p50").low) for row in group],
            x_high=[_ms(row.value("model_p50").high) for row in group],
            y=[row.value("target_map").value for row in group],
            low=[row.value("target_map").low for row in group],
            high=[row.value("target_map").high for row in group],
            labels=[row.name for row in group],
            group=construction,
            symbol=position,
        )
        for position, (source, construction, group) in enumerate(_by_construction(view, rows))
    ]
    dual = [row for row in rows if row.key.construction != "plain"]
    front = sorted(pareto_front(dual or rows), key=lambda row: row.value("model_p50").value or 0.0)
    series.append(
        Series(
            name="Pareto front",
            x=[_ms(row.value("model_p50").value) for row in front],
            y=[row.value("target_map").value for row in front],
            labels=[row.name for row in front],
            mark="front",
            dashed=True,
        )
    )
    if view.picked:
        picked = [row for row in rows if row.id in view.picked]
        series.append(
            Series(
                name="recommended",
                x=[_ms(row.value("model_p50").value) for row in picked],
                y=[row.value("target_map").value for row in picked],
                labels=[row.name for row in picked],
                mark="pick",
            )
        )
    best = max(rows, key=lambda row: row.value("target_map").value or 0.0)
    return Figure(
        key="tradeoff",
        title="Target mAP against latency",
        says=f"{len(rows)} models. Highest target mAP: {best.value('target_map').value:.4f} ({best.name}). On the "
        f"front: {', '.join(row.name for row in front)}.",
        x=Axis("engine, median of a batch, ms"),
        y=Axis("target mAP"),
        series=series,
        notes="The front is of models with both heads: none of them has a better target mAP at no more latency. What "
        "the base task lost is no part of it; a plain model has lost its classes.",
    )


def pareto_front(rows: Sequence[RowView]) -> list[RowView]:
    """Rows of which no other has at least the target mAP at no more latency, and one of them better."""

    def beats(a: RowView, b: RowView) -> bool:
        (ya, xa), (yb, xb) = _point(a), _point(b)
        return ya >= yb and xa <= xb and (ya > yb or xa < xb)

    return [row for row in rows if not any(beats(other, row) for other in rows)]


def base_by_depth(view: View) -> Figure | None:
    """Base mAP for every freeze depth under each construction that keeps the base head."""
    rows = [row for row in view.arms() if row.key.construction in CONSTRUCTIONS[:2]]
    rows = [row for row in rows if row.value("base_map").value is not None and isinstance(row.record, Row)]
    if not rows:
        return None
    series = []
    for line in _lines(rows, "freeze"):
        points = sorted(line, key=lambda row: row.key.freeze or 0)
        series.append(
            Series(
                name=points[0].name_with(freeze=""),
                x=[row.key.freeze for row in points],
                y=[row.value("base_map").value for row in points],
                low=[row.value("base_map").low for row in points],
                high=[row.value("base_map").high for row in points],
                labels=[row.name for row in points],
                mark="line and points",
                group=points[0].key.construction,
                symbol=CONSTRUCTIONS.index(points[0].key.construction),
            )
        )
    depths = sorted({row.key.freeze or 0 for row in rows})
    levels: dict[float | None, list[str]] = {}
    for row in view.models("original"):
        if row.value("base_map").value is not None:
            levels.setdefault(row.value("base_map").value, []).append(row.name)
    for level, names in levels.items():
        ends = [depths[0], depths[-1]]
        series.append(Series(" = ".join(names), x=ends, y=[level, level], mark="level", dashed=True))
    worst = min(rows, key=lambda row: row.value("base_map").value or 0.0)
    return Figure(
        key="base-depth",
        title="Base mAP by freeze depth",
        says=f"Base mAP at freeze {', '.join(map(str, depths))}. Branched models keep the original's by construction; "
        f"the lowest is {worst.value('base_map').value:.4f} ({worst.name}).",
        x=Axis("freeze depth"),
        y=Axis("base mAP", from_zero=True),
        series=series,
        choose=len(series) > 8,
    )


def data_sizes(view: View) -> Figure | None:
    """Target mAP against the share of the training data, where a study has more than one."""
    rows = [row for row in view.arms() if row.key.data_fraction is not None and row.value("target_map").value]
    if not varying((row.key for row in rows), ("data_fraction",)):
        return None
    series = []
    for line in _lines(rows, "data_fraction"):
        points = sorted(line, key=lambda row: row.key.data_fraction or 0.0)
        if len(points) < 2:
            continue
        series.append(
            Series(
                name=points[0].name_with(data_fraction=""),
                x=[100 * (row.key.data_fraction or 0.0) for row in points],
                y=[row.value("target_map").value for row in points],
                low=[row.value("target_map").low for row in points],
                high=[row.value("target_map").high for row in points],
                labels=[row.name for row in points],
                mark="line and points",
            )
        )
    return (
        Figure(
            key="data-size",
            title="Target mAP against training data",
            says=f"{len(series)} curves of target mAP over the share of the training images.",
            x=Axis("share of the training images, %", from_zero=True),
            y=Axis("target mAP"),
            series=series,
            choose=len(series) > 6,
        )
        if series
        else None
    )


def _both(row: RowView) -> bool:
    return row.value("target_map").value is not None and row.value("model_p50").value is not None


def _point(row: RowView) -> tuple[float, float]:
    return row.value("target_map").value or 0.0, row.value("model_p50").value or 0.0


def _by_construction(view: View, rows: Sequence[RowView]) -> Iterable[tuple[str | None, str, list[RowView]]]:
    several = len({row.source for row in rows}) > 1
    key = lambda row: (row.source if several else "", row.key.construction)  # noqa: E731
    for (source, construction), group in groupby(sorted(rows, key=key), key=key):
        yield source or None, construction, list(group)


def _lines(rows: Sequence[RowView], along: str) -> list[list[RowView]]:
    """Rows that differ in nothing but one part belong on one line."""
    lines: dict[tuple[object, ...], list[RowView]] = {}
    for row in rows:
        lines.setdefault((row.source, row.key.without(along), row.identity["seed"]), []).append(row)
    return list(lines.values())


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e3
