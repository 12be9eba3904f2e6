"""The parts of results.json that analyses fill.

`rows[].analysis` (--drift, --features, --recover) is the same for all rows of a training; `breakdown` (--breakdown)
is part of the accuracy of each separate head: `rows[].target`, `rows[].base`, `originals[].base`.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from .quantities import Count, Fraction, Number, check_order


class NumberInterval(Struct, frozen=True, kw_only=True):
    """A number with its interval over images (basic bootstrap); null if undefined."""

    value: Number | None
    low: Number | None
    high: Number | None
    no_interval: Annotated[str | None, Meta(description="why a defined number has no interval")] = None

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval has one end only")
        check_order(self.low, self.high, "an interval")


class Part(Struct, frozen=True, kw_only=True):
    """AP on a subset of the objects or images."""

    images: Annotated[Count, Meta(description="with objects of the subset")]
    objects: Count
    ap: Annotated[NumberInterval, Meta(description="over IoU 0.50:0.95")]
    ap50: NumberInterval


class Breakdown(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """AP of one head on one data set by subsets, by the COCO protocol."""

    by_iou: Annotated[dict[str, NumberInterval], Meta(description="AP at IoU 0.10, 0.15 ... 0.95")]
    by_area: Annotated[dict[str, Part], Meta(description="small, medium, large: COCO's ranges of the object's area")]
    by_count: Annotated[
        dict[str, Part], Meta(description="images with 1, 2-4, 5-9, 10+ objects, each group scored separately")
    ]
    resamples: Count
    confidence: Fraction
    low_matches: Annotated[
        str | None,
        Meta(description="entry in the match file of IoU 0.10 to 0.45; target heads of studies with scratch"),
    ] = None


class Shift(Struct, frozen=True, kw_only=True):
    """The change from base to tuned values. Equal values give exactly 1 and 0; null means a norm of 0."""

    cosine: Number | None
    relative_l2: Annotated[Number | None, Meta(description="|tuned - base| / |base|")]


class ActivationShift(Struct, frozen=True, kw_only=True):
    """A layer's output on one set of images, base model compared with tuned model."""

    cka: Annotated[
        Number | None,
        Meta(description="unbiased linear CKA; samples are at most 16 x 16 positions per image, features are channels"),
    ]
    cosine: Annotated[Number | None, Meta(description="over all samples as one vector")]
    relative_l2: Number | None


class LayerDrift(Struct, frozen=True, kw_only=True):
    """One numbered layer, base compared with tuned. The head is excluded, since its classes differ."""

    layer: Count
    kind: str
    frozen: bool
    weights: Annotated[Shift | None, Meta(description="trained parameters; null for a layer without them")]
    bn_mean: Annotated[Shift | None, Meta(description="running means of the layer's BatchNorms")]
    bn_var: Annotated[Shift | None, Meta(description="running variances of the layer's BatchNorms")]
    base: Annotated[ActivationShift, Meta(description="activations on the base set")]
    target: Annotated[ActivationShift, Meta(description="activations on the scored target set")]


class Score(Struct, frozen=True, kw_only=True):
    """A head's summary on the scored part of the base set."""

    map: Fraction | None
    map50: Fraction | None


class Recovery(Struct, frozen=True, kw_only=True):
    """Base heads trained with a small budget on frozen features; half of the base set trains, half scores.

    fresh_control - fresh is the accuracy that the tuned features lost even for a newly trained head. The rest of the
    grafted loss, original - grafted, is a mismatch between features and head. realigned - grafted is what a short
    training of the original head recovers.
    """

    budget: Annotated[dict[str, Any], Meta(description="epochs, batch, learning rate of AdamW, seed")]
    trained_images: Count
    scored_images: Count
    original: Annotated[Score, Meta(description="the original head on the original features")]
    grafted: Annotated[Score, Meta(description="the original head on the tuned features")]
    fresh: Annotated[Score, Meta(description="a randomly initialised head, trained on the tuned features")]
    fresh_control: Annotated[Score, Meta(description="the same, trained on the original features")]
    realigned: Annotated[Score, Meta(description="the original head, trained on the tuned features")]
    realigned_control: Annotated[Score, Meta(description="the same, trained on the original features")]


class NeighbourAgreement(Struct, frozen=True, kw_only=True):
    """Agreement of base and tuned features, pooled over a layer's map, on which images are similar. 1 is full
    agreement."""

    layer: Count
    overlap: Annotated[
        Fraction,
        Meta(description="share of the k nearest neighbours that both have in common; k / (images - 1) by chance"),
    ]
    base_in_tuned: Annotated[
        Fraction,
        Meta(
            description="continuity: whether neighbours in the base features stay near in the tuned ones; 0.5 by chance"
        ),
    ]
    tuned_in_base: Annotated[
        Fraction,
        Meta(
            description="trustworthiness: whether neighbours in the tuned features are near in the base ones; 0.5 by "
            "chance"
        ),
    ]


class EnergyInside(Struct, frozen=True, kw_only=True):
    """Share of a layer's activation energy (sum of squares) inside objects' boxes; mean over images with objects."""

    layer: Count
    base: Number
    tuned: Number
    area: Annotated[Number, Meta(description="share of the image's area inside boxes, the value of a uniform map")]


class ProbeScore(Struct, frozen=True, kw_only=True):
    """A linear classifier of objects on features pooled over their boxes; fractions of the test objects."""

    accuracy: Fraction
    balanced: Annotated[Fraction, Meta(description="mean recall over the classes of the test objects")]


class Probe(Struct, frozen=True, kw_only=True):
    """The same classifier fitted on the base model's features and on the tuned model's, split by image."""

    classes: Annotated[Count, Meta(description="among the training objects")]
    train_objects: Count
    test_objects: Count
    majority: Annotated[Fraction, Meta(description="accuracy of always naming the most frequent training class")]
    base: ProbeScore
    tuned: ProbeScore


class SetFeatures(Struct, frozen=True, kw_only=True):
    """Analysis of the features on one set of images, at the head's input layers and the backbone's last layer."""

    images: Count
    neighbours_k: Annotated[Count, Meta(description="neighbours per image; 0 if there are too few images")]
    neighbours: list[NeighbourAgreement]
    energy: list[EnergyInside]
    probe: Annotated[Probe | None, Meta(description="null if the training or test part has no object")]


class Features(Struct, frozen=True, kw_only=True):
    """Base compared with tuned features, after Li et al., "An Analysis of Pre-Training on Object Detection"."""

    base: Annotated[
        SetFeatures, Meta(description="on the base set; the probe trains on one half and is tested on the other")
    ]
    target: Annotated[
        SetFeatures,
        Meta(
            description="on the scored target set; the probe trains on the training split, which the tuned features "
            "have seen"
        ),
    ]
    maps: Annotated[
        str, Meta(description="npz in OUT: energy [h, w] of the first images, keys SET.IMAGE_ID.LAYER.MODEL")
    ]


class Analysis(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Analyses of one fine-tuned model, run in torch; null if not requested."""

    drift: Annotated[list[LayerDrift] | None, Meta(description="with --drift: every layer below the head")] = None
    recovery: Annotated[
        Recovery | None, Meta(description="with --recover: what a head can recover from the features")
    ] = None
    features: Annotated[Features | None, Meta(description="with --features")] = None
