"""A number of several seeds on the same images, with what chance adds to it, and the difference of two."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .quantities import Fraction, Number, check_order

Covers = Literal["images and seeds", "images", "seeds", "nothing"]


class Estimated(Struct, frozen=True, kw_only=True):
    """A number, the mean over seeds, with what chance adds to it."""

    value: Number
    low: Annotated[Number | None, Meta(description="of the 95 % interval; null where there is none")]
    high: Number | None
    covers: Annotated[Covers, Meta(description="what the interval is over")]
    no_interval: Annotated[str | None, Meta(description="why there is no interval; null where there is one")] = None

    def __post_init__(self) -> None:
        check_order(self.low, self.high, "an interval")


class Compared(Struct, frozen=True, kw_only=True):
    """Source b less source a on the same images, from the same training images of each seed."""

    a: str
    b: str
    data_fraction: Fraction
    difference: Estimated
    p: Annotated[Fraction | None, Meta(description="two-sided, adjusted by Holm over the table; null without one")]
    shown: Annotated[
        bool | None, Meta(description="whether p is at most 0.05; null where one seed or no interval allows no claim")
    ]
