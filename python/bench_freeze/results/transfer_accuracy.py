"""What one source reaches at one share of the training samples, frozen or fine-tuned, as transfer.json keeps it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from .estimated import Estimated
from .quantities import Count, Fraction, Number


class ProbeFit(Struct, frozen=True, kw_only=True):
    """One logistic regression on frozen features."""

    source: str
    data_fraction: Fraction
    seed: Count
    train_samples: Count
    held_out: Annotated[Count, Meta(description="of these, by which C was chosen; 0: there were too few, C is 1")]
    c: Annotated[Number, Meta(description="scikit-learn's C: the inverse strength of the L2 penalty")]
    converged: bool
    top1: Fraction


class ProbeAccuracy(Struct, frozen=True, kw_only=True):
    """One source at one share of the training samples, over all seeds."""

    source: str
    data_fraction: Fraction
    top1: Estimated
    per_class: Annotated[dict[str, Fraction], Meta(description="share of a class's scored samples that were named so")]


class Band(Struct, frozen=True, kw_only=True):
    """Mean IoU of the pixels less than `width` pixels from a boundary of the truth, and of all others."""

    width: Count
    boundary: Annotated[Estimated | None, Meta(description="null where no truth has a boundary")]
    interior: Annotated[Estimated | None, Meta(description="null where every pixel is in the band")]


class SegmentationAccuracy(Struct, frozen=True, kw_only=True):
    """One source at one share of the training images, over all seeds."""

    source: str
    data_fraction: Fraction
    miou: Annotated[Estimated, Meta(description="mean over classes with a pixel, of truth or of prediction")]
    per_class: Annotated[dict[str, Fraction | None], Meta(description="IoU; null for a class without a pixel")]
    bands: list[Band]
