"""What a plot is, whatever library draws it: axes, series, and the words that stand for it where it is not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Coordinate = float | int | str
Mark = Literal["points", "line", "line and points", "front", "pick", "bars", "boxes", "level"]
Shape = Literal["overlay", "stack", "group"]


@dataclass(frozen=True)
class Box:
    """Five numbers of a distribution: the whiskers are its 5 % and 95 % points."""

    low: float
    first: float
    median: float
    third: float
    high: float


@dataclass(frozen=True)
class Series:
    """One named series. `low` and `high` are ends of the intervals of y, `x_low` and `x_high` of x.

    A `level` has one y over the whole width, a `front` is of rings; `boxes` have one Box for each x, and no y. With
    `named` the labels stand beside the points. `group` gives series the same colour; `first` says whether it is shown
    before anything is chosen.
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
    """One axis: its title with the unit, whether it names things, where it must begin."""

    title: str
    names: bool = False
    from_zero: bool = False
    order: Sequence[str] = ()


@dataclass(frozen=True)
class Figure:
    """One plot. `says` is read out instead of it, `notes` stands below it.

    `sideways` draws the named things of x downwards, which leaves room for long names. With `choose` its series are
    many: a list beside it picks which are drawn.
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
    """Whether a series is drawn at once where there are many of them."""
    return count <= most or position < most
