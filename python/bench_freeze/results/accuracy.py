"""The accuracy of one head on one data set, as results keep it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from .analysis import Breakdown
from .curves import HeadCurves
from .quantities import Count, Fraction


class ClassAccuracy(Struct, frozen=True, kw_only=True):
    """One class of a head on a data set."""

    ap: Annotated[Fraction | None, Meta(description="AP over IoU 0.50:0.95; null without ground truth")]
    ap50: Fraction | None
    ground_truth: Annotated[Count, Meta(description="annotated boxes of this class, crowd regions not counted")]


class ApBySize(Struct, frozen=True, kw_only=True):
    """AP of one head by one protocol."""

    ap: Annotated[
        dict[str, dict[str, Fraction | None]],
        Meta(description="by size (all, small, medium, large), then at IoU 0.10, 0.15 ... 0.95; null without objects"),
    ]
    objects: Annotated[dict[str, Count], Meta(description="scored objects of each size")]
    matches: Annotated[str, Meta(description="name of the entry in the match file; voc-11 and voc-all share theirs")]


class Accuracy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One head on one data set, by the row's protocol."""

    map: Annotated[Fraction | None, Meta(description="mean AP over IoU 0.50:0.95, area all, 100 detections")]
    map50: Fraction | None
    map75: Fraction | None
    map_small: Fraction | None
    map_medium: Fraction | None
    map_large: Fraction | None
    per_class: dict[str, ClassAccuracy]
    ap_by_iou: Annotated[dict[str, Fraction | None], Meta(description="mean AP at each IoU threshold")]
    detections: Count
    dropped_detections: Annotated[
        Count, Meta(description="detections beyond the limit per image, which are counted but not scored")
    ]
    matches: Annotated[str | None, Meta(description="name of the entry in the match file; null without one")] = None
    breakdown: Annotated[
        Breakdown | None, Meta(description="with --breakdown: accuracy by subsets, for a separate head")
    ] = None
    curves: Annotated[
        HeadCurves | None, Meta(description="for a separate head; null in older files and without annotated boxes")
    ] = None
    by_protocol: Annotated[
        dict[str, ApBySize] | None, Meta(description="with --protocols, of a target head alone: by protocol")
    ] = None
