"""What neurons look at, as transfer.json keeps it: activations beside boxes, and objects with parts covered."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from .estimated import Compared, Estimated
from .quantities import Count, Fraction


class Covered(Struct, frozen=True, kw_only=True):
    """One source on objects of which a part is covered by grey."""

    share: Annotated[Fraction, Meta(description="of the object's box that is covered")]
    top1: Annotated[Estimated, Meta(description="of the probe that was fitted to whole objects")]
    change: Annotated[
        Estimated | None, Meta(description="of the features: distance from the whole's, 1 where all is covered")
    ]


class LookAt(Struct, frozen=True, kw_only=True):
    """Where one source is active, and how much each part of an object matters to it."""

    source: str
    energy_inside: Annotated[
        Estimated | None, Meta(description="share of the last layer's energy inside the union of an image's boxes")
    ]
    spread: Annotated[
        Estimated | None,
        Meta(description="how evenly the energy lies over an object's box: 1 evenly, near 0 in one place"),
    ]
    quarters: Annotated[
        Estimated | None, Meta(description="how evenly the four quarters matter: 1 alike, 0.25 one alone")
    ]
    whole: Annotated[Covered, Meta(description="nothing is covered")]
    without_quarter: Annotated[Covered, Meta(description="mean over the four quarters")]
    without_half: Annotated[Covered, Meta(description="mean over left, right, upper and lower half")]
    curve: Annotated[list[Covered], Meta(description="cells of an 8 x 8 lattice covered at random")]


class Look(Struct, frozen=True, kw_only=True):
    """What neurons look at: activations of the last layer on a detection set, and objects with parts covered."""

    data: str
    data_sha256: Annotated[list[str], Meta(description="of the training split and of the scored one")]
    classes: list[str]
    train_objects: Count
    test_objects: Count
    of_objects: Annotated[Count, Meta(description="scored objects that there are; test_objects of them were drawn")]
    left_out: Annotated[list[Count], Meta(description="too small, in training and scored split")]
    images: Annotated[Count, Meta(description="scored, with and without objects")]
    area_inside: Annotated[Fraction | None, Meta(description="mean share of an image's area inside its boxes")]
    settings: dict[str, Any]
    sources: list[LookAt]
    comparisons: Annotated[
        dict[str, list[Compared]], Meta(description="by measure, p adjusted over all; losses are of top-1")
    ]
