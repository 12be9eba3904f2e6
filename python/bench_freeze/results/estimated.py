"""A number over several seeds on the same images, with its uncertainty, and the difference of two."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .quantities import Fraction, Number, check_order

Covers = Literal["images and seeds", "images", "seeds", "nothing"]


class Estimated(Struct, frozen=True, kw_only=True):
    """A mean over seeds, with its uncertainty."""

    value: Number
    low: Annotated[Number | None, Meta(description="of the 95 % interval; null where there is none")]
    high: Number | None
    covers: Annotated[Covers, Meta(description="what the interval is over")]
    no_interval: Annotated[str | None, Meta(description="why there is no interval; null if there is one")] = None

    def __post_init__(self) -> None:
        check_order(self.low, self.high, "an interval")


class Compared(Struct, frozen=True, kw_only=True):
    """Source b minus source a on the same images, with the same training images for each seed."""

    a: str
    b: str
    data_fraction: Fraction
    difference: Estimated
    p: Annotated[Fraction | None, Meta(description="two-sided, adjusted by Holm over the table; null without one")]
    shown: Annotated[
        bool | None, Meta(description="whether p is at most 0.05; null if one seed or no interval allows no claim")
    ]
