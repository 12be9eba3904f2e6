"""Results as a tidy table: one record per row and metric."""

from __future__ import annotations

from typing import Any

from ..report.columns import UNIT_SUFFIX
from ..report.view import Column, RowView, View
from ..results.identity import PARTS

COLUMNS = ("name", "kind", *PARTS, "metric", "value", "lower", "upper", "unit", "verdict", "picked", "on_front")
_UNITS = {"fraction": "fraction", "change": "fraction"}


def tidy(view: View) -> list[dict[str, Any]]:
    """Records of a row: its identity, the metric, the value with its unit, and both ends of the interval."""
    return [
        _line(view, row, column)
        for row in view.rows
        for column in view.numbers
        if row.value(column.key).value is not None
    ]


def _line(view: View, row: RowView, column: Column) -> dict[str, Any]:
    value = row.value(column.key)
    return {
        "name": row.name,
        "kind": row.kind,
        **row.key.parts(),
        "metric": column.key,
        "value": value.value,
        "lower": value.low,
        "upper": value.high,
        "unit": _unit(column),
        "verdict": row.verdict,
        "picked": row.id in view.picked,
        "on_front": row.on_front,
    }


def _unit(column: Column) -> str:
    """The unit in which the metric is kept."""
    units = {"_s": "s", "_j": "J", "_bytes": "bytes", "_images_per_s": "images/s", "_to_original": "ratio"}
    return _UNITS.get(column.format) or units[UNIT_SUFFIX[column.format]]
