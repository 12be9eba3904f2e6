"""What a head does at every score threshold, and which classes it takes for each other; of a size that has a bound.

All of it is at one IoU threshold. Older files lack it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from .quantities import Count, Fraction

Hundredths = Annotated[list[Fraction], Meta(min_length=101, max_length=101)]


class ConfusionCell(Struct, frozen=True, array_like=True):
    """So many boxes of one class that the head took for another; a class of -1 is the background."""

    annotated: Annotated[int, Meta(ge=-1, description="class by position; -1: a false detection")]
    detected: Annotated[int, Meta(ge=-1, description="class by position; -1: missed")]
    count: Count


class Confusion(Struct, frozen=True, kw_only=True):
    """Which classes are taken for which, matched the way of Ultralytics' ConfusionMatrix."""

    score_threshold: Annotated[Fraction, Meta(description="of the detections that count, which score more")]
    iou_threshold: Annotated[Fraction, Meta(description="of a pair, which overlaps more")]
    classes: list[str]
    cells: Annotated[list[ConfusionCell], Meta(description="that are not empty, the fullest first")]
    left_out: Annotated[Count, Meta(description="cells beyond the most that are kept: the emptiest")] = 0

    def __post_init__(self) -> None:
        if any(max(cell.annotated, cell.detected) >= len(self.classes) for cell in self.cells):
            raise ValueError("a confusion matrix counts a class that it does not name")


class HeadCurves(Struct, frozen=True, kw_only=True):
    """Means over the classes that have annotated boxes."""

    iou_threshold: Fraction
    precision: Annotated[
        list[Fraction], Meta(min_length=101, max_length=101, description="at recall 0, 0.01 ... 1; their mean is mAP50")
    ]
    f1: Annotated[
        list[Fraction],
        Meta(min_length=101, max_length=101, description="of the detections that score at least 0, 0.01 ... 1"),
    ]
    confusion: Confusion
