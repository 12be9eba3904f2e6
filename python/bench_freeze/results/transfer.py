"""The schema of transfer.json: what several pre-trainings give to other tasks, frozen and fine-tuned.

Accuracies and IoU are fractions from 0 to 1. Fields may be added within a version.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ..text.json_text import encoded
from .answers import Answer
from .estimated import Compared, Estimated
from .look import Look
from .quantities import Count, Fraction, Number, Seconds
from .sealing import SEAL_MEANING
from .take_over import TakeOver
from .transfer_accuracy import ProbeAccuracy, ProbeFit, SegmentationAccuracy
from .tuned import FROZEN, FineTuned, TunedClassification, TunedSegmentation, tuned_words

TRANSFER_VERSION = 1


class TransferSource(Struct, frozen=True, kw_only=True):
    """One pre-training, and which of its tensors the features come from."""

    name: Annotated[str, Meta(description="as everywhere below; unique")]
    file: Annotated[str | None, Meta(description="as it was given; null for random weights")]
    sha256: Annotated[str | None, Meta(description="of the file; null for random weights, which each seed draws")]
    task: Annotated[str, Meta(description="what it was trained for: detect, classify, segment ...; random")]
    layers: Annotated[list[str], Meta(description="classes of the backbone's layers, in their order")]
    like: Annotated[str | None, Meta(description="the source whose layers random weights have; else null")] = None
    taken: Annotated[
        TakeOver, Meta(description="came: what the features are computed with; left: the neck and the head")
    ]


class Classification(Struct, frozen=True, kw_only=True):
    """Whole images named by the backbone's last layer, pooled: a logistic regression on frozen features.

    Beside it, where it was asked for, a linear reader that was trained together with the layers that are not frozen.
    """

    data: str
    data_sha256: str
    classes: list[str]
    train_images: Count
    test_images: Count
    majority: Annotated[Fraction, Meta(description="top-1 of always naming the most frequent class")]
    features: Annotated[dict[str, Count], Meta(description="by source: how many numbers an image is")]
    fits: list[ProbeFit]
    accuracy: list[ProbeAccuracy]
    comparisons: list[Compared]
    fine_tuned: Annotated[FineTuned | None, Meta(description="null: nothing was trained but the probes")] = None
    tuned_depths: list[TunedClassification] = []

    def tables(self) -> list[tuple[str, list[ProbeAccuracy], list[Compared]]]:
        """Words, rows and differences of frozen features, then of each depth."""
        of_depths = ((tuned_words(own.freeze), own.accuracy, own.comparisons) for own in self.tuned_depths)
        return [(FROZEN, self.accuracy, self.comparisons), *of_depths]


class ViewGroup(Struct, frozen=True, kw_only=True):
    """The scored views with so many objects in them."""

    objects: Annotated[str, Meta(description="in view, the one that is named included")]
    samples: Count
    top1: Estimated


class ViewAccuracy(Struct, frozen=True, kw_only=True):
    """One source on views that an object fills to one share, over all seeds."""

    source: str
    fill: Annotated[Fraction, Meta(description="share of the view's area that the object should fill")]
    share: Annotated[Fraction, Meta(description="that it fills on average: small images cut views")]
    top1: Estimated
    by_objects: list[ViewGroup]


class Crops(Struct, frozen=True, kw_only=True):
    """A linear probe of the objects of a detection set, each seen in views that it fills more and less."""

    data: str
    data_sha256: Annotated[list[str], Meta(description="of the training split and of the scored one")]
    classes: list[str]
    train_objects: Count
    test_objects: Count
    left_out: Annotated[list[Count], Meta(description="too small, in training and scored split")]
    unseen: Annotated[Count, Meta(description="scored objects of classes without a training object: never right")]
    majority: Fraction
    settings: dict[str, Any]
    accuracy: list[ViewAccuracy]
    comparisons: Annotated[list[Compared], Meta(description="data_fraction is the fill here")]
    losses: Annotated[
        dict[str, list[Compared]],
        Meta(description="differences of what top-1 loses in small and in crowded views, p adjusted over all of them"),
    ] = {}


class Segmentation(Struct, frozen=True, kw_only=True):
    """A linear decoder of features of several strides, frozen and fine-tuned; IoU at the images' own size."""

    data: str
    data_sha256: Annotated[list[str], Meta(description="of the training split and of the scored one")]
    classes: Annotated[list[str], Meta(description="the first is the background, which counts")]
    train_images: Count
    test_images: Count
    settings: dict[str, Any]
    channels: Annotated[dict[str, Count], Meta(description="by source: how many numbers a cell is")]
    accuracy: list[SegmentationAccuracy]
    comparisons: list[Compared]
    band_comparisons: Annotated[
        dict[str, list[Compared]], Meta(description="by width of the band: inside it, p adjusted within a width")
    ]
    fine_tuned: Annotated[FineTuned | None, Meta(description="null: nothing was trained but the decoders")] = None
    tuned_depths: list[TunedSegmentation] = []

    def tables(self) -> list[tuple[str, list[SegmentationAccuracy], list[Compared]]]:
        """Words, rows and differences of frozen features, then of each depth."""
        of_depths = ((tuned_words(own.freeze), own.accuracy, own.comparisons) for own in self.tuned_depths)
        return [(FROZEN, self.accuracy, self.comparisons), *of_depths]


class LayerCka(Struct, frozen=True, kw_only=True):
    """Linear CKA, unbiased, of the pooled features of a layer of each source."""

    a: Annotated[Count, Meta(description="the layer of source a")]
    b: Annotated[Count, Meta(description="the layer of source b: the same one, or both last ones")]
    cka: Annotated[Number | None, Meta(description="1 for equal up to rotation, scale and origin; about 0 unrelated")]


class FeaturePair(Struct, frozen=True, kw_only=True):
    """Two sources on the same images, at their last layers, standardised. Intervals are over images."""

    a: str
    b: str
    neighbours: Annotated[Count, Meta(description="nearest neighbours of an image that count; 0: too few images")]
    overlap: Annotated[Estimated | None, Meta(description="share of them that both sources name")]
    a_in_b: Annotated[
        Estimated | None, Meta(description="are images that are alike in a alike in b too? 1 fully, 0.5 by chance")
    ]
    b_in_a: Annotated[Estimated | None, Meta(description="the converse")]
    direction: Annotated[
        Estimated | None, Meta(description="a_in_b minus b_in_a, paired by image: above 0 where a implies b more")
    ] = None
    direction_p: Annotated[Fraction | None, Meta(description="two-sided, adjusted by Holm over the pairs")] = None
    distance_correlation: Annotated[Number | None, Meta(description="bias-corrected: about 0 for unrelated features")]
    cka: Annotated[list[LayerCka], Meta(description="where layers pair, and of the two last layers")]


class Clustering(Struct, frozen=True, kw_only=True):
    """k-means of one source's last layer, by seed."""

    source: str
    clusters: Annotated[Count, Meta(description="as many as classes")]
    purity: list[Fraction]
    nmi: Annotated[list[Fraction], Meta(description="normalized mutual information of clusters and classes")]


class Embedding(Struct, frozen=True, kw_only=True):
    """t-SNE of one source's last layer, by seed."""

    source: str
    perplexity: Number
    points: Annotated[list[list[list[Number]]], Meta(description="[seeds][images] x, y")]
    between_seeds: Annotated[
        Fraction | None,
        Meta(description="share of 10 nearest points that two seeds' maps both name; null for one seed"),
    ]


class Query(Struct, frozen=True, kw_only=True):
    """A scored image, and the images nearest to it by each source; positions count training images first."""

    image: Count
    file: str
    nearest: Annotated[dict[str, list[Count]], Meta(description="by source, the nearest first, by cosine similarity")]


class SideBySide(Struct, frozen=True, kw_only=True):
    """Sources pair by pair on all images of the classification set, training images first."""

    data: str
    data_sha256: str
    images: Count
    labels: Annotated[list[Count], Meta(description="of the images, positions in classification.classes")]
    seeds: list[Count]
    pairs: list[FeaturePair]
    clusters: list[Clustering]
    embeddings: Annotated[list[Embedding], Meta(description="empty for more than 2,000 images")]
    queries: Annotated[list[Query], Meta(description="a few examples, of as many classes as there are")] = []


class Transfer(Struct, kw_only=True):
    """What several pre-trainings give. A part that was not asked for is null."""

    schema_version: int = TRANSFER_VERSION
    bench_freeze: str
    command: str
    finished: bool
    settings: dict[str, Any]
    environment: dict[str, Any]
    sources: list[TransferSource]
    notes: list[str] = []
    classification: Classification | None = None
    side_by_side: SideBySide | None = None
    crops: Crops | None = None
    segmentation: Segmentation | None = None
    look: Look | None = None
    answers: list[Answer] = []
    seconds: Annotated[dict[str, Seconds], Meta(description="by part, of this run: what was kept took none")] = {}
    peak_bytes: Annotated[Count | None, Meta(description="largest resident set of this process")] = None
    sha256: Annotated[str | None, Meta(description=SEAL_MEANING)] = None


def encode_transfer(transfer: Transfer) -> bytes:
    """The file, indented, with a final newline."""
    return msgspec.json.format(encoded(transfer), indent=1) + b"\n"


def decode_transfer(content: bytes) -> Transfer:
    """The inverse; raises msgspec.ValidationError or DecodeError."""
    return msgspec.json.decode(content, type=Transfer)
