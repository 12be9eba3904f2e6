"""Accuracy against cost, and what depth does to the base task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

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
    dual = [row for row in rows if row.identity["construction"] != "plain"]
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
    rows = [row for row in view.arms() if row.identity["construction"] in CONSTRUCTIONS[:2]]
    rows = [row for row in rows if row.value("base_map").value is not None and isinstance(row.record, Row)]
    if not rows:
        return None
    series = []
    for line in _lines(view, rows):
        points = sorted(line, key=lambda row: int(row.identity["freeze"]))
        series.append(
            Series(
                name=_without_depth(view, points[0]),
                x=[int(row.identity["freeze"]) for row in points],
                y=[row.value("base_map").value for row in points],
                low=[row.value("base_map").low for row in points],
                high=[row.value("base_map").high for row in points],
                labels=[row.name for row in points],
                mark="line and points",
                group=points[0].identity["construction"],
                symbol=CONSTRUCTIONS.index(points[0].identity["construction"]),
            )
        )
    depths = sorted({int(row.identity["freeze"]) for row in rows})
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
    rows = [row for row in view.arms() if "data_fraction" in row.identity and row.value("target_map").value]
    if len({row.identity["data_fraction"] for row in rows}) < 2:
        return None
    series = []
    for line in _lines(view, rows, apart_from=("data_fraction",)):
        points = sorted(line, key=lambda row: float(row.identity["data_fraction"]))
        if len(points) < 2:
            continue
        series.append(
            Series(
                name=points[0].name.replace(f" data {points[0].identity['data_fraction']}", ""),
                x=[100 * float(row.identity["data_fraction"]) for row in points],
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
    key = lambda row: (row.source if several else "", row.identity["construction"])  # noqa: E731
    for (source, construction), group in groupby(sorted(rows, key=key), key=key):
        yield source or None, construction, list(group)


def _lines(view: View, rows: Sequence[RowView], apart_from: tuple[str, ...] = ("freeze",)) -> list[list[RowView]]:
    """Rows that differ in nothing but some columns belong on one line."""
    lines: dict[tuple[tuple[str, str], ...], list[RowView]] = {}
    for row in rows:
        key = tuple((k, v) for k, v in row.identity.items() if k not in apart_from)
        lines.setdefault(key, []).append(row)
    return list(lines.values())


def _without_depth(view: View, row: RowView) -> str:
    head, _, rest = row.name.partition(f" {row.identity['freeze']}")
    return head + rest


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e3
