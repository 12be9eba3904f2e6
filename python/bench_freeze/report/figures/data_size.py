"""Accuracy against the share of the training data."""

from __future__ import annotations

from ...results.identity import varying
from ..view import View
from .depth import lines_along
from .figure import Axis, Figure, Series


def data_sizes(view: View) -> Figure | None:
    """Target mAP against the share of the training data, where a study has more than one."""
    rows = [row for row in view.arms() if row.key.data_fraction is not None and row.value("target_map").value]
    if not varying((row.key for row in rows), ("data_fraction",)):
        return None
    series = []
    for line in lines_along(rows, "data_fraction"):
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
