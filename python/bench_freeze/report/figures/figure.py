"""A plot, independent of the library that draws it: axes, series, and words for readers who do not see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Coordinate = float | int | str
Mark = Literal["points", "line", "line and points", "front", "pick", "bars", "boxes", "level"]
Shape = Literal["overlay", "stack", "group"]


@dataclass(frozen=True)
class Box:
    """A distribution as five numbers: the ends of the whiskers are its 5 % and 95 % points."""

    low: float
    first: float
    median: float
    third: float
    high: float


@dataclass(frozen=True)
class Series:
    """One named series. `low` and `high` are the ends of the intervals of y, `x_low` and `x_high` those of x.

    A `level` has one y over the whole width, a `front` is drawn as rings, and `boxes` have one Box for each x and no y.
    With `named`, the labels are drawn next to the points. Series of one `group` share a colour. `first` says whether
    the series is shown before anything is chosen.
    """

    name: str
    x: Sequence[Coordinate | None]
    y: Sequence[float | None] = ()
    mark: Mark = "points"
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    x_low: Sequence[float | None] = ()
    x_high: Sequence[float | None] = ()
    labels: Sequence[str] = ()
    boxes: Sequence[Box] = ()
    group: str = ""
    symbol: int = 0
    dashed: bool = False
    first: bool = True
    named: bool = False


@dataclass(frozen=True)
class Axis:
    """One axis: its title with the unit, its categories if it names things, and where it must begin."""

    title: str
    names: bool = False
    from_zero: bool = False
    order: Sequence[str] = ()


@dataclass(frozen=True)
class Figure:
    """One plot. Screen readers read `says` instead of it, and `notes` are shown below it.

    `sideways` lists the categories of x downwards, which leaves room for long names. `choose` is for plots with many
    series: a list next to the plot selects those to draw.
    """

    key: str
    title: str
    says: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    notes: str = ""
    shape: Shape = "overlay"
    sideways: bool = False
    choose: bool = False


def shown_first(position: int, count: int, most: int = 6) -> bool:
    """Whether a series is drawn at first where there are many of them."""
    return count <= most or position < most
