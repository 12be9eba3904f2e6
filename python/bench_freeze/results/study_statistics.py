"""The schema of a study's statistics: the conclusions that the rows together support.

An arm is the identity of a row without its seed. All values are AP as fractions, as in the rows; differences are the
second minus the first. Intervals are 95 % confidence intervals.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from .quantities import Count, Fraction, Number, Seconds, check_order


class Interval(Struct, frozen=True, kw_only=True):
    """Both ends of an interval."""

    low: Number
    high: Number

    def __post_init__(self) -> None:
        check_order(self.low, self.high, "an interval")


class Claim(Struct, frozen=True, kw_only=True):
    """A number of an arm, or the difference of two: the mean over seeds, with its uncertainty."""

    value: Annotated[Number, Meta(description="mean over seeds")]
    per_seed: Annotated[
        list[Number], Meta(description="values in the order of the arm's seeds; for a difference, of the common seeds")
    ]
    sd: Annotated[Number | None, Meta(description="standard deviation over seeds; null with one seed")]
    images: Annotated[
        Interval | None,
        Meta(description="uncertainty over images for these trainings, by bootstrap; null without match data"),
    ]
    seeds: Annotated[
        Interval | None,
        Meta(description="uncertainty over trainings on these images, by Student's t; null with one seed"),
    ]
    interval: Annotated[
        Interval | None,
        Meta(
            description="the interval behind claims, over both, or over the one available. For an absolute mAP it "
            "covers the mean over sets of this many images, which is higher than on all images (see bias_corrected)"
        ),
    ]
    covers: Annotated[str, Meta(description="images and trainings, images, trainings, or nothing")]
    image_error: Annotated[Number | None, Meta(description="standard error over images")]
    image_degrees: Annotated[Number | None, Meta(description="degrees of freedom of image_error: images minus one")]
    seed_error: Annotated[Number | None, Meta(description="standard error over seeds")]
    no_interval: Annotated[
        str | None, Meta(description="why there is no interval although there are match data or several seeds")
    ] = None
    common_image_error: Annotated[
        Number | None,
        Meta(
            description="the part of image_error that all trainings share; the rest differs between trainings and is "
            "also part of seed_error; null with one seed"
        ),
    ] = None
    bias_corrected: Annotated[
        Number | None,
        Meta(
            description="for an absolute mAP: the value minus the estimated bias of few images, from halves of the "
            "images; still too high with few images per class; null for differences and without match data"
        ),
    ] = None


class Equivalence(Struct, frozen=True, kw_only=True):
    """Two one-sided tests (TOST) at a margin fixed in advance."""

    margin: Number
    low: Annotated[
        float | None, Meta(description="of the 90 % interval, which must lie inside the margin; null without one")
    ]
    high: Number | None
    outcome: Annotated[str, Meta(description="identical by construction, equivalent, different or not shown")]
    images_needed: Annotated[
        int | None,
        Meta(description="images needed to show equivalence if the true difference is 0; null if it is shown"),
    ] = None


class Comparison(Struct, frozen=True, kw_only=True):
    """Two arms, or the original and an arm, on the same images."""

    data: Annotated[
        str, Meta(description="target, base, or base merged: base under the detection limit that both heads share")
    ]
    between: Annotated[
        str, Meta(description="trainings, deployments (of one training), or original (compared with an arm)")
    ]
    number: Annotated[str, Meta(description="map or map50")]
    a: str
    b: str
    seeds: list[Count]
    difference: Annotated[Claim, Meta(description="b minus a")]
    identical: Annotated[bool, Meta(description="all matches of all images are equal")]
    p: Annotated[
        Fraction | None, Meta(description="two-sided test that the difference is 0, with the error of `interval`")
    ]
    p_holm: Annotated[Fraction | None, Meta(description="adjusted by Holm for all comparisons of this kind")]
    p_images: Annotated[Fraction | None, Meta(description="permutation test that swaps the two results image by image")]
    p_images_holm: Fraction | None = None
    p_seeds: Annotated[
        Fraction | None, Meta(description="sign-flip test over seeds; n seeds reach 2 / 2^n at best")
    ] = None
    detectable: Annotated[
        Number | None, Meta(description="true difference that is detected in 80 % of cases, at alpha 0.05")
    ] = None
    equivalence: list[Equivalence] = []


class Detectable(Struct, frozen=True, kw_only=True):
    """The differences that a data set can detect, by the median spread of the comparisons made on it."""

    data: str
    number: str
    images: Count
    between_models: Annotated[
        Number | None, Meta(description="detectable difference of two trained models, over images")
    ]
    between_arms: Annotated[
        Number | None,
        Meta(description="detectable difference of two arms with the study's seeds, over images and trainings"),
    ]
    seeds: Count
    basis: Annotated[str, Meta(description="where the spread comes from")]
    images_needed: Annotated[
        dict[str, int],
        Meta(description="by margin: images needed to show equivalence of two models that do not differ"),
    ]
    no_interval: Annotated[
        str | None,
        Meta(description="why the images do not allow a statement about other images, so that all else is null"),
    ] = None


class ClassGroup(Struct, frozen=True, kw_only=True):
    """Some classes of the base set."""

    classes: list[str]
    base: Claim
    change: Annotated[Claim, Meta(description="minus the original model's")]
    joint_limit: Annotated[Claim | None, Meta(description="the merged output minus the base head alone")]


class ArmStatistics(Struct, frozen=True, kw_only=True):
    """One arm: a model of the study, over its seeds."""

    name: str
    training: Annotated[str, Meta(description="name of the training: arms of one training share a target head")]
    identity: dict[str, Any]
    seeds: list[Count]
    isolated: Annotated[bool, Meta(description="the base head reads frozen layers only: it cannot have changed")]
    latency_p50_s: Annotated[
        Seconds | None, Meta(description="latency of the engine alone: median over seeds without INVALID ones")
    ]
    latency_interval_s: Annotated[
        Interval | None, Meta(description="from the lowest lower to the highest upper 95 % bound of the seeds' medians")
    ] = None
    bytes: Annotated[Count, Meta(description="size of the deployed file, the largest over seeds")]
    target: Claim
    target_map50: Claim
    target_test: Annotated[Claim | None, Meta(description="on the test split, which plays no part in the choice")]
    base: Annotated[Claim | None, Meta(description="null if the base head shares no class with the base set")]
    base_change: Annotated[Claim | None, Meta(description="minus the original model's")]
    base_merged: Claim | None
    joint_limit: Annotated[Claim | None, Meta(description="base mAP of the merged output minus the base head alone")]
    target_joint_limit: Annotated[
        Claim | None, Meta(description="target mAP of the merged output minus the target head alone")
    ]
    class_groups: Annotated[
        dict[str, ClassGroup],
        Meta(description="shared: base classes that both heads know; rest: the others"),
    ] = {}


class AtIou(Struct, frozen=True, kw_only=True):
    """A number at one IoU threshold: the mean over seeds, and how far it can be trusted."""

    value: Number
    interval: Interval | None
    covers: str
    no_interval: str | None = None


class Gain(Struct, frozen=True, kw_only=True):
    """A pre-trained training minus the one from random weights, on the same share of the training images."""

    name: Annotated[str, Meta(description="the training without its share of the images, one curve of a plot")]
    training: Annotated[str, Meta(description="as in `arms`")]
    scratch: Annotated[str, Meta(description="the training it is compared with, as in `arms`")]
    weights: str | None
    freeze: Count
    recipe: str
    data_fraction: Fraction
    training_images: Annotated[Count | None, Meta(description="number of images of that share")]
    seeds: Annotated[list[Count], Meta(description="that both have")]
    map: Claim
    map50: Claim
    by_iou: Annotated[dict[str, AtIou], Meta(description="AP at IoU 0.50 to 0.95; from 0.10 with --breakdown")]
    high_less_low: Annotated[Claim | None, Meta(description="the gain at IoU 0.75 minus the gain at IoU 0.50")]


class GainTrend(Struct, frozen=True, kw_only=True):
    """The gain of one training on the smallest share of the images minus that on the largest."""

    name: str
    least: Fraction
    most: Fraction
    map: Claim
    map50: Claim


class GainOverScratch(Struct, frozen=True, kw_only=True):
    """The gain of pre-training, by share of the training images and by IoU."""

    gains: list[Gain]
    trends: list[GainTrend]


ByProtocol = dict[str, dict[str, dict[str, AtIou]]]  # protocol, size of the objects, IoU threshold


class ProtocolAp(Struct, frozen=True, kw_only=True):
    """Target AP of one training, over its seeds."""

    training: Annotated[str, Meta(description="as in `arms`")]
    source: Annotated[str, Meta(description="the checkpoint's name, or scratch for random weights")]
    freeze: Count
    recipe: str
    data_fraction: Fraction
    seeds: list[Count]
    ap: Annotated[
        ByProtocol,
        Meta(description="by protocol, size (all, small, medium, large) and IoU; without sizes that have no object"),
    ]


class SourceDifference(Struct, frozen=True, kw_only=True):
    """The target AP of one pre-training minus that of another, trained alike; random weights are trained whole."""

    training: Annotated[str, Meta(description="as in `arms`")]
    over: Annotated[str, Meta(description="the training that is subtracted, as in `arms`")]
    source: str
    over_source: str
    freeze: Count
    recipe: str
    data_fraction: Fraction
    seeds: Annotated[list[Count], Meta(description="that both have")]
    difference: Annotated[
        ByProtocol, Meta(description="as `ap`, at IoU 0.50, 0.70 and 0.90; not corrected for their number")
    ]


class ProtocolStatistics(Struct, frozen=True, kw_only=True):
    """Target AP by protocol, IoU threshold and object size, and how far pre-trainings differ in it."""

    objects: Annotated[dict[str, Count], Meta(description="scored objects of each size")]
    trainings: list[ProtocolAp]
    differences: list[SourceDifference]


class OutlyingTraining(Struct, frozen=True, kw_only=True):
    """A training whose target mAP is not explained by the other seeds of its arm and the study's spread."""

    arm: str
    seed: Count
    value: Annotated[Number, Meta(description="its target mAP")]
    others: Annotated[Number, Meta(description="mean target mAP of the arm's other seeds")]
    interval_of_others: Annotated[
        Interval | None, Meta(description="Student's t interval of the other seeds; null with one other seed")
    ] = None


class Statistics(Struct, frozen=True, kw_only=True):
    """The conclusions that the rows together support."""

    alpha: Fraction
    power: Fraction
    resamples: Count
    permutations: Count
    margins: list[Number]
    seeds: Count
    arms: list[ArmStatistics]
    comparisons: list[Comparison]
    detectable: list[Detectable]
    limits: Annotated[list[str], Meta(description="what cannot be claimed, in sentences")]
    gain: Annotated[GainOverScratch | None, Meta(description="with --scratch: gain over random weights")] = None
    protocols: Annotated[
        ProtocolStatistics | None, Meta(description="with --protocols: target AP by protocol, IoU and object size")
    ] = None
    outlying: Annotated[
        list[OutlyingTraining],
        Meta(description="trainings that deviate from the others of their arm; included in its means"),
    ] = []
