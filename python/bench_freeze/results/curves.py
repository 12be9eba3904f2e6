"""A head's curves over the score threshold, and its confusion matrix, of bounded size.

All at one IoU threshold. Older files lack them.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from .quantities import Count, Fraction

Hundredths = Annotated[list[Fraction], Meta(min_length=101, max_length=101)]


class ConfusionCell(Struct, frozen=True, array_like=True):
    """The number of boxes of one class that the head detected as another; class -1 is the background."""

    annotated: Annotated[int, Meta(ge=-1, description="class index; -1: a false detection")]
    detected: Annotated[int, Meta(ge=-1, description="class index; -1: missed")]
    count: Count


class Confusion(Struct, frozen=True, kw_only=True):
    """Confusion matrix, matched as in Ultralytics' ConfusionMatrix."""

    score_threshold: Annotated[Fraction, Meta(description="only detections above this score count")]
    iou_threshold: Annotated[Fraction, Meta(description="only pairs above this IoU match")]
    classes: list[str]
    cells: Annotated[list[ConfusionCell], Meta(description="nonzero cells, the largest first")]
    left_out: Annotated[Count, Meta(description="number of smallest cells left out beyond the limit")] = 0

    def __post_init__(self) -> None:
        if any(max(cell.annotated, cell.detected) >= len(self.classes) for cell in self.cells):
            raise ValueError("a confusion matrix counts a class that it does not name")


class HeadCurves(Struct, frozen=True, kw_only=True):
    """Means over the classes with annotated boxes."""

    iou_threshold: Fraction
    precision: Annotated[
        list[Fraction], Meta(min_length=101, max_length=101, description="at recall 0, 0.01 ... 1; their mean is mAP50")
    ]
    f1: Annotated[
        list[Fraction],
        Meta(min_length=101, max_length=101, description="at score thresholds 0, 0.01 ... 1"),
    ]
    confusion: Confusion
