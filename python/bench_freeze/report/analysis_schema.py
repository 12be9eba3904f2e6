"""The part of results.json that the analyses of an arm fill: `rows[].analysis`, the same for all rows of a training."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Shift(Struct, frozen=True, kw_only=True):
    """From the base's numbers to the tuned ones; equal numbers read exactly 1 and 0, null means a norm of 0."""

    cosine: float | None
    relative_l2: Annotated[float | None, Meta(description="|tuned - base| / |base|")]


class ActivationShift(Struct, frozen=True, kw_only=True):
    """A layer's output on one set of images, base model against tuned model."""

    cka: Annotated[
        float | None,
        Meta(description="unbiased linear CKA; samples are at most 16 x 16 positions of each image, features channels"),
    ]
    cosine: Annotated[float | None, Meta(description="of all samples as one vector")]
    relative_l2: float | None


class LayerDrift(Struct, frozen=True, kw_only=True):
    """One numbered layer, base against tuned; the head, whose classes differ, is none of them."""

    layer: int
    kind: str
    frozen: bool
    weights: Annotated[Shift | None, Meta(description="trained parameters; null for a layer without any")]
    bn_mean: Annotated[Shift | None, Meta(description="running means of the layer's BatchNorms")]
    bn_var: Annotated[Shift | None, Meta(description="running variances of the layer's BatchNorms")]
    base: Annotated[ActivationShift, Meta(description="activations on the base set")]
    target: Annotated[ActivationShift, Meta(description="activations on the scored target set")]


class Analysis(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Analyses of one fine-tuned model, by torch; null where not asked for."""

    drift: Annotated[list[LayerDrift] | None, Meta(description="with --drift: every layer below the head")] = None
