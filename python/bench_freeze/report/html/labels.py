"""Place the names of points so that they cover neither each other nor a point."""

from __future__ import annotations

from collections.abc import Iterator

from ..figures.figure import Figure

# The approximate size of the drawing; a wider one only leaves more room.
_WIDTH, _HEIGHT = 460.0, 230.0
_LETTER, _LINE, _GAP = 6.6, 14.0, 7.0
_ASIDE = {  # where a name is centred, in halves of its size and in gaps from the point
    "top center": (0, 1),
    "bottom center": (0, -1),
    "middle right": (1, 0),
    "middle left": (-1, 0),
    "top right": (1, 1),
    "top left": (-1, 1),
    "bottom right": (1, -1),
    "bottom left": (-1, -1),
}
_Box = tuple[float, float, float, float]  # left, bottom, right, top


def positions(figure: Figure) -> dict[int, list[str]]:
    """Plotly's `textposition` of every point of the named series, by position of the series."""
    points = list(_points(figure))
    if not points:
        return {}
    reach = [[*_reach(figure, axis), *(at[axis] for *_, at in points)] for axis in (0, 1)]  # intervals are drawn, too
    lows = [min(ends) for ends in reach]
    spans = [max(ends) - min(ends) or 1.0 for ends in reach]

    def pixel(at: tuple[float, float]) -> tuple[float, float]:
        return (at[0] - lows[0]) / spans[0] * _WIDTH, (at[1] - lows[1]) / spans[1] * _HEIGHT

    taken: list[_Box] = [_around(pixel(at)) for *_, at in points]
    found: dict[int, list[str]] = {
        k: ["top center"] * len(series.labels) for k, series in enumerate(figure.series) if series.named
    }
    for number, position, name, at in points:
        boxes = {aside: _box(pixel(at), name, aside) for aside in _ASIDE}
        best = min(boxes, key=lambda aside: sum(_common(boxes[aside], other) for other in taken))
        found[number][position] = best
        taken.append(boxes[best])
    return found


def _points(figure: Figure) -> Iterator[tuple[int, int, str, tuple[float, float]]]:
    for number, series in enumerate(figure.series):
        if series.named:
            for position, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
                if isinstance(x, int | float) and y is not None:
                    yield number, position, series.labels[position], (float(x), float(y))


def _reach(figure: Figure, axis: int) -> Iterator[float]:
    for series in figure.series:
        for ends in (series.x_low, series.x_high) if axis == 0 else (series.low, series.high):
            yield from (end for end in ends if end is not None)


def _around(pixel: tuple[float, float]) -> _Box:
    return pixel[0] - 5, pixel[1] - 5, pixel[0] + 5, pixel[1] + 5


def _box(pixel: tuple[float, float], name: str, aside: str) -> _Box:
    right, up = _ASIDE[aside]
    half, line = len(name) * _LETTER / 2, _LINE / 2
    x, y = pixel[0] + right * (half + _GAP), pixel[1] + up * (line + _GAP)
    return x - half, y - line, x + half, y + line


def _common(a: _Box, b: _Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)
