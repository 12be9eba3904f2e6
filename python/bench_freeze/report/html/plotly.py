"""Figures for Plotly: traces and layout as plain values, and the table behind each plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...text.visible import CELL
from ...text.visible import cell as shown
from ..figures.figure import Axis, Coordinate, Figure, Series
from .labels import positions

# Mid tones with a contrast of at least 3:1 against white and against the dark page.
PALETTE = ("#3b7dd8", "#d9650f", "#1a9a6c", "#a05fc4", "#b08600", "#d2444f", "#1b95a8", "#858a91", "#8a6d3b", "#c2549d")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "triangle-down", "pentagon", "star", "cross", "hexagon")
FIXED = {"branched": 0, "grafted": 1, "plain": 2, "target": 3, "rest": 7}  # one colour on every plot
MODES = {
    "points": "markers",
    "line": "lines",
    "line and points": "lines+markers",
    "front": "markers",
    "level": "lines",
    "pick": "markers",
}
SIGNIFICANT = 7  # digits to write: more than a plot shows, and shorter than a full double


def plot_of(figure: Figure) -> dict[str, Any]:
    """`data` and `layout` of a plot, and the `table` behind it."""
    return {"data": _traces(figure), "layout": _layout(figure), "table": table_of(figure)}


def table_of(figure: Figure) -> dict[str, Any]:
    """The numbers of a plot as columns and groups of rows, with unescaped text."""
    boxes = any(series.boxes for series in figure.series)
    bounds = any(_known(s.low) or _known(s.high) for s in figure.series)
    x_bounds = any(_known(s.x_low) or _known(s.x_high) for s in figure.series)
    labels = any(s.labels for s in figure.series)
    columns = ["series", figure.x.title]
    columns += ["low", "high"] if x_bounds else []
    columns += ["5 %", "25 %", "median", "75 %", "95 %"] if boxes else [figure.y.title]
    columns += ["low", "high"] if bounds else []
    columns += ["note"] if labels else []
    groups = []
    for series in figure.series:
        rows: list[list[Any]] = []
        for i, x in enumerate(series.x):
            row: list[Any] = [_round(x)]
            row += [_round(_at(series.x_low, i)), _round(_at(series.x_high, i))] if x_bounds else []
            if boxes:
                box = series.boxes[i]
                row += [_round(v) for v in (box.low, box.first, box.median, box.third, box.high)]
            else:
                row.append(_round(series.y[i]))
            row += [_round(_at(series.low, i)), _round(_at(series.high, i))] if bounds else []
            row += [_at(series.labels, i) or ""] if labels else []
            rows.append(row)
        groups.append({"name": series.name, "rows": rows})
    return {"columns": columns, "groups": groups}


def _traces(figure: Figure) -> list[dict[str, Any]]:
    colours: dict[str, int] = {}
    traces = []
    places = positions(figure)
    for number, series in enumerate(figure.series):
        group = series.group or series.name
        colour = PALETTE[FIXED.get(group, colours.setdefault(group, len(colours))) % len(PALETTE)]
        if series.mark == "level":
            colour = PALETTE[7]
        trace: dict[str, Any] = {"name": plain(shown(series.name)), "visible": series.first}
        trace |= _data(figure, series)
        trace |= _drawing(figure, series, colour)
        if series.named:
            for error in (trace.get("error_x"), trace.get("error_y")):
                if error is not None:  # drawn behind the names, which must stay readable
                    error |= {"color": f"{colour}55", "width": 0}
            trace |= {"mode": f"{trace['mode']}+text", "textposition": places[number], "textfont": {"size": 11}}
        traces.append(trace)
    return traces


def _data(figure: Figure, series: Series) -> dict[str, Any]:
    along = "y" if figure.sideways else "x"
    across = "x" if figure.sideways else "y"
    data: dict[str, Any] = {along: [plain(x) if isinstance(x, str) else _round(x) for x in series.x]}
    if series.boxes:
        for name, part in (("lowerfence", "low"), ("q1", "first"), ("q3", "third"), ("upperfence", "high")):
            data[name] = [_round(getattr(box, part)) for box in series.boxes]
        return data | {"median": [_round(box.median) for box in series.boxes], "type": "box"}
    data[across] = [_round(y) for y in series.y]
    for axis, middle, low, high in (
        (across, series.y, series.low, series.high),
        (along, series.x, series.x_low, series.x_high),
    ):
        if _known(low) and _known(high):
            data[f"error_{axis}"] = _error(middle, low, high)
    if series.labels:
        data["text"] = [plain(label) for label in series.labels]
    return data | {"type": "bar" if series.mark == "bars" else "scatter"}


def _error(middle: Sequence[Any], low: Sequence[float | None], high: Sequence[float | None]) -> dict[str, Any]:
    up = [None if m is None or h is None else _round(h - m) for m, h in zip(middle, high, strict=True)]
    down = [None if m is None or e is None else _round(m - e) for m, e in zip(middle, low, strict=True)]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.2, "width": 3}


def _drawing(figure: Figure, series: Series, colour: str) -> dict[str, Any]:
    if series.mark in ("bars", "boxes"):
        drawing: dict[str, Any] = {"orientation": "h" if figure.sideways else "v", "marker": {"color": colour}}
        if series.mark == "boxes":
            return drawing | {"line": {"color": colour, "width": 1.5}}
        return drawing | {"hovertemplate": "%{y}: %{x:.3f}<extra>%{fullData.name}</extra>"}
    text = "%{text}<br>" if series.labels else ""
    numbers = "%{y}: %{x:.4f}" if figure.sideways else "%{x:.4~f}, %{y:.4f}"
    return {
        "cliponaxis": False,
        "mode": MODES[series.mark],
        "line": {
            "color": colour,
            "width": 1 if series.mark == "line" else 2,
            "dash": "dash" if series.dashed else "solid",
        },
        "marker": _marker(series, colour),
        "hovertemplate": f"{text}{numbers}<extra>%{{fullData.name}}</extra>",
    }


def _marker(series: Series, colour: str) -> dict[str, Any]:
    if series.mark == "pick":
        return {"color": PALETTE[4], "size": 26, "symbol": "star", "opacity": 0.45}  # names show through
    if series.mark == "front":
        return {"color": colour, "size": 16, "symbol": "circle-open", "line": {"width": 2}}
    return {"color": colour, "size": 8, "symbol": SYMBOLS[series.symbol % len(SYMBOLS)]}


def _layout(figure: Figure) -> dict[str, Any]:
    x, y = (figure.y, figure.x) if figure.sideways else (figure.x, figure.y)
    layout: dict[str, Any] = {
        "xaxis": _axis(x, upright=True),
        "yaxis": _axis(y, upright=False),
        "height": _height(figure),
        "margin": {"l": 60, "r": 16, "t": 12, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "showlegend": len(figure.series) > 1,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left"},
        "hovermode": "closest",
        "autosize": True,
    }
    if any(series.mark == "bars" for series in figure.series):
        layout["barmode"] = figure.shape
    if any(series.mark == "boxes" for series in figure.series):
        layout["boxmode"] = figure.shape
    return layout


def _axis(axis: Axis, *, upright: bool) -> dict[str, Any]:
    drawn: dict[str, Any] = {"automargin": True, "zeroline": False}
    if axis.names:
        drawn |= {"type": "category", "categoryorder": "array", "categoryarray": [plain(n) for n in axis.order]}
        # Plotly counts categories upwards from 0, but the first one belongs on top.
        ends = [-0.5, len(axis.order) - 0.5]
        drawn |= {"title": {"text": plain(axis.title)}} if upright else {}
        if any(len(name) > CELL for name in axis.order):  # shorten only the ticks: whole names distinguish categories
            drawn |= {"tickvals": drawn["categoryarray"], "ticktext": [plain(shown(name)) for name in axis.order]}
        return drawn | {"dtick": 1, "range": ends if upright else ends[::-1]}
    drawn |= {"type": "linear", "title": {"text": plain(axis.title)}}
    return drawn | ({"rangemode": "tozero"} if axis.from_zero else {})


def _height(figure: Figure) -> int:
    if not figure.sideways:
        return 380
    lines = max(1, sum(series.mark == "boxes" for series in figure.series))
    return 130 + max(3, len(figure.x.order)) * (6 + 14 * lines)


def plain(text: str) -> str:
    """Escape text so that Plotly shows it unchanged: it interprets some HTML in every string."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _round(value: Coordinate | None) -> Coordinate | None:
    return float(f"{value:.{SIGNIFICANT}g}") if isinstance(value, float) else value


def _known(values: Sequence[float | None]) -> bool:
    return any(value is not None for value in values)


def _at(values: Sequence[Any], position: int) -> Any:
    return values[position] if position < len(values) else None
