"""Precision-recall and F1 curves of both heads, where the results keep them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ...results.curves import HeadCurves
from ..view import RowView
from .figure import Axis, Figure, Series, shown_first

Kind = Literal["precision", "f1"]
HUNDREDTHS = [k / 100 for k in range(101)]


def figures_of_curves(key: str, named: Sequence[tuple[str, RowView, HeadCurves]]) -> list[Figure]:
    """Both plots of one head."""
    return [_figure(key, named, "precision"), _figure(key, named, "f1")] if named else []


def best_threshold(curves: HeadCurves) -> tuple[float, float]:
    """The score threshold of the highest mean F1, and that F1."""
    best = max(range(len(curves.f1)), key=lambda k: (curves.f1[k], -k))
    return HUNDREDTHS[best], curves.f1[best]


def _figure(key: str, named: Sequence[tuple[str, RowView, HeadCurves]], kind: Kind) -> Figure:
    series = [
        Series(
            name=name,
            x=HUNDREDTHS,
            y=list(getattr(curves, kind)),
            mark="line",
            group=name,
            dashed=row.kind == "original",
            first=shown_first(position, len(named)),
        )
        for position, (name, row, curves) in enumerate(named)
    ]
    name, _, first = max(named, key=lambda found: max(found[2].f1))
    threshold, highest = best_threshold(first)
    iou = f"IoU {first.iou_threshold:g}"
    if kind == "f1":
        return Figure(
            key=f"f1-{key}",
            title=f"F1 against confidence, {key} head",
            says=f"Mean over classes, {iou}. Highest: {highest:.3f} at a score threshold of {threshold:.2f} ({name}).",
            x=Axis("score threshold", from_zero=True),
            y=Axis("F1, mean over classes", from_zero=True),
            series=series,
            choose=len(series) > 1,
        )
    return Figure(
        key=f"pr-{key}",
        title=f"Precision against recall, {key} head",
        says=f"Mean over classes, {iou}; the area below a curve is its mAP50.",
        x=Axis("recall", from_zero=True),
        y=Axis("precision, mean over classes", from_zero=True),
        series=series,
        choose=len(series) > 1,
    )
