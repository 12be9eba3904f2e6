"""The pieces of a transfer's page: tables, plots as lines with intervals, maps of points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...results.estimated import Compared, Estimated
from ...text.visible import cell, visible
from ..formats import p_value
from ..transfer_text import shown, verdict
from .plotly import PALETTE
from .transfer_pictures import LookedImage

WIDTH, HEIGHT, LEFT, BOTTOM, EDGE = 640.0, 260.0, 52.0, 34.0, 12.0
NEAR_ZERO = 1e-12


@dataclass(frozen=True)
class Table:
    """A table with its cells as they are shown."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True)
class Line:
    """One source in a plot; a point is (x, y, low end, high end, label)."""

    name: str
    colour: str
    path: str
    points: list[tuple[float, float, float, float, str]]


@dataclass(frozen=True)
class Plot:
    """Axes with ticks (position, label) and lines, in the units of the drawing."""

    title: str
    x: str
    ticks_x: list[tuple[float, str]]
    ticks_y: list[tuple[float, str]]
    lines: list[Line]


@dataclass(frozen=True)
class Map:
    """Points (x, y, colour, words); a point is image k of the thumbnails where `shows` is set."""

    title: str
    points: list[tuple[float, float, str, str]]
    shows: bool


@dataclass(frozen=True)
class Neighbour:
    """One thumbnail, by its number, with its words."""

    image: int
    words: str
    alike: bool  # of the query's class


@dataclass(frozen=True)
class Neighbours:
    """A query, and its nearest images by every source."""

    query: Neighbour
    rows: list[tuple[str, list[Neighbour]]]


@dataclass(frozen=True)
class Part:
    """The contents of a section of the page, in this order."""

    title: str
    says: str
    plots: list[Plot]
    tables: list[Table]
    maps: list[Map] = field(default_factory=list)
    neighbours: list[Neighbours] = field(default_factory=list)
    looked: Sequence[LookedImage] = ()


def part(
    title: str,
    says: str,
    plots: list[Plot],
    tables: list[Table],
    *,
    maps: Sequence[Map] = (),
    neighbours: Sequence[Neighbours] = (),
    looked: Sequence[LookedImage] = (),
) -> Part:
    """A section, with control characters in its words made visible."""
    return Part(visible(title), visible(says), plots, tables, list(maps), list(neighbours), looked)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table, with control characters in its cells made visible."""
    return Table(tuple(map(cell, headings)), [tuple(map(cell, row)) for row in rows])


def differences(comparisons: Sequence[Compared], column: str, of: str = "") -> Table:
    """Paired differences between sources, with what these data show; `of` says in words what differs."""
    rows = [
        (
            f"{pair.b} - {pair.a}",
            f"{pair.data_fraction:g}",
            *shown(pair.difference, "change"),
            p_value(pair.p),
            verdict(pair),
        )
        for pair in comparisons
    ]
    return table(
        (f"difference, paired{of and ', '}{of}", column, "change", "95 % interval", "p (Holm)", "by these data"), rows
    )


def plot(title: str, x_title: str, points: Sequence[tuple[str, float, Estimated]]) -> Plot:
    """Lines by source, from 0 to the highest end of an interval; the x axis is logarithmic unless it contains 0."""
    xs = sorted({x for _, x, _ in points})
    top = max(end for _, _, own in points for end in (own.value, own.high or 0))
    top = max(math.ceil(min(top, 1.0) * 10) / 10, 0.1)

    def scaled(x: float) -> float:
        return math.log(x) if xs[0] > 0 else x

    first, last = scaled(xs[0]), scaled(xs[-1])

    def across(x: float) -> float:
        share = (scaled(x) - first) / (last - first) if last - first > NEAR_ZERO else 0.5
        return round(LEFT + 16 + (WIDTH - LEFT - EDGE - 32) * share, 1)

    def up(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 20) * min(max(value, 0.0), top) / top, 1)

    names = list(dict.fromkeys(name for name, _, _ in points))
    return Plot(
        visible(title),
        visible(x_title),
        [(across(x), f"{x:g}") for x in xs],
        [(up(top * k / 4), f"{top * k / 4:.2f}") for k in range(5)],
        [_line(name, PALETTE[k % len(PALETTE)], points, across, up) for k, name in enumerate(names)],
    )


def _line(
    name: str,
    colour: str,
    points: Sequence[tuple[str, float, Estimated]],
    across: Callable[[float], float],
    up: Callable[[float], float],
) -> Line:
    own = sorted(((x, found) for source, x, found in points if source == name), key=lambda pair: pair[0])
    drawn = []
    for x, found in own:
        low, high = (found.value if end is None else end for end in (found.low, found.high))
        drawn.append((across(x), up(found.value), up(low), up(high), cell(f"{name}, {x:g}: {' '.join(shown(found))}")))
    return Line(cell(name), colour, " ".join(f"{x},{y}" for x, y, *_ in drawn), drawn)
