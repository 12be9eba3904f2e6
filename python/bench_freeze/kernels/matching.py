"""Validated calls of the compiled matcher: ground truth and detections as columns in, masks and tensors out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .ext import native
from .rows import check_sizes, column_of_flags, column_of_numbers, ordered, positions_of, rows_of_boxes
from .values import UINT64_MAX, number_array, whole_array, whole_number

MatchRule = Literal["coco", "ultralytics", "voc"]  # in the order of csrc/core/match.h
_RULES: tuple[MatchRule, ...] = get_args(MatchRule)
_MOST_CLASSES = 1 << 20  # as in csrc/checks.h
_MAX_WEIGHT = 1 << 20  # of an image in `bootstrap`
_LANES = 64  # one bit per (IoU threshold, area range) in the kernel


class CocoTensors(NamedTuple):
    """The COCO protocol's tensors over T IoU thresholds, R recalls, K classes, A area ranges, M detection maxima.

    -1 marks a (class, area range) without ground truth.
    """

    precision: NDArray[np.float64]  # [T, R, K, A, M]
    recall: NDArray[np.float64]  # [T, K, A, M]
    scores: NDArray[np.float64]  # [T, R, K, A, M]


class RawCurves(NamedTuple):
    """True positives of every class by descending score, at one IoU threshold, without interpolation."""

    begin: NDArray[np.int64]  # [K + 1], true positives of each class
    false_positives: NDArray[np.int32]  # [N], before this one
    false_positives_tied: NDArray[np.int32]  # [N], with this score or a higher one
    scores: NDArray[np.float64]  # [N]


@dataclass(frozen=True)
class TruthIndex:
    """Ground truth sorted by image and class, both given by position. Made by `index_truth`."""

    classes: int
    begin: NDArray[np.int64]  # [I + 1], rows of each image
    label: NDArray[np.int32]  # [N]
    boxes_xywh: NDArray[np.float64]  # [N, 4]
    area: NDArray[np.float64]  # [N]
    is_crowd: NDArray[np.uint8]  # [N]
    is_void: NDArray[np.uint8]  # [N], a match with such a box does not count

    def native(self) -> native.Truth:
        """The kernel's view of these arrays."""
        return native.Truth(
            self.classes, self.begin, self.label, self.boxes_xywh, self.area, self.is_crowd, self.is_void
        )


class Masks(NamedTuple):
    """Outcomes of matched detections as bits: bit = area range * thresholds + threshold, lowest byte first."""

    true_positive: NDArray[np.uint8]  # [N, bytes]
    ignored: NDArray[np.uint8]  # [N, bytes]


@dataclass(frozen=True)
class Matches:
    """Matched detections of B images by image, class and rank. By default a row takes 12 bytes and two masks of 5."""

    begin: NDArray[np.int64]  # [B + 1], rows of each image
    label: NDArray[np.int32]  # [N]
    scores: NDArray[np.float64]  # [N]
    masks: tuple[Masks, ...]  # one for each part of the lattice


class MatchedImages(NamedTuple):
    """Matches of B images of a data set, as one update adds them."""

    images: NDArray[np.int32]  # [B], positions in the ground truth
    matches: Matches

    @classmethod
    def first(cls, matches: Matches) -> MatchedImages:
        """Matches of the first B images of the data set, in order."""
        return cls(np.arange(len(matches.begin) - 1, dtype=np.int32), matches)

    def native(self, part: int) -> native.MatchPart:
        """The kernel's view of one part of the lattice."""
        found = self.matches
        return native.MatchPart(self.images, found.begin, found.label, found.scores, *found.masks[part])


@dataclass(frozen=True)
class Lattice:
    """All pairs of IoU threshold and area range for which detections are matched, by one rule (csrc/core/match.h)."""

    rule: MatchRule
    iou_thresholds: NDArray[np.float64]  # [T], 1 or more
    area_ranges: NDArray[np.float64]  # [A, 2], 1 to 64, both ends inclusive

    def __post_init__(self) -> None:
        if self.rule not in _RULES or not 1 <= len(self.area_ranges) <= _LANES or not len(self.iou_thresholds):
            raise InputError(
                f"rule {self.rule!r}, {len(self.iou_thresholds)} IoU thresholds and {len(self.area_ranges)} area "
                f"ranges: give one of {', '.join(_RULES)}, one threshold or more and 1 to {_LANES} ranges"
            )

    def parts(self) -> list[slice]:
        """Parts of the thresholds that fit into the kernel's bits; thresholds are matched independently."""
        step = _LANES // len(self.area_ranges)
        return [slice(begin, begin + step) for begin in range(0, len(self.iou_thresholds), step)]

    def native(self, part: slice) -> native.Lattice:
        """The kernel's view of one part."""
        return native.Lattice(_RULES.index(self.rule), self.iou_thresholds[part], self.area_ranges)


def index_truth(
    image: NDArray[np.generic],
    label: NDArray[np.generic],
    boxes_xywh: NDArray[np.generic],
    area: NDArray[np.generic],
    is_crowd: NDArray[np.generic],
    is_void: NDArray[np.generic],
    *,
    images: int,
    classes: int,
) -> TruthIndex:
    """Lay out ground truth for matching: `image`, `label`, `area` and flags [N], boxes [N, 4], of any number type.

    Rows of one image and class keep their order. Raises InputError for columns of unequal length, a position out of
    range, a value that is not finite, and a flag that is neither true nor false.
    """
    table = "ground truth"
    classes = whole_number("the number of classes", classes, 0, _MOST_CLASSES)
    image, label, boxes_xywh = rows_of_boxes(table, images, classes, image, label, boxes_xywh)
    rows = len(label)
    area = column_of_numbers(table, "area", area, rows)
    is_crowd = column_of_flags(table, "is_crowd", is_crowd, rows)
    is_void = column_of_flags(table, "is_void", is_void, rows)
    _, by_label = ordered(label, classes)
    begin, by_image = ordered(image[by_label], images)
    order = by_label[by_image]  # as np.lexsort((label, image)), without comparing
    return TruthIndex(
        classes,
        begin,
        label[order],
        boxes_xywh[order],
        area[order],
        is_crowd[order].astype(np.uint8),
        is_void[order].astype(np.uint8),
    )


def match(
    truth: TruthIndex,
    lattice: Lattice,
    image_positions: NDArray[np.generic],
    *,
    image: NDArray[np.generic],
    label: NDArray[np.generic],
    boxes_xywh: NDArray[np.generic],
    scores: NDArray[np.generic],
    threads: int = 1,
) -> tuple[Matches, int]:
    """Match the detections of some images, each with all of its rows; identical for any number of threads.

    `image_positions` [B] are positions in the ground truth, and `image` [N] are positions in `image_positions`. Rows of
    one image may lie anywhere; equal scores keep their order. Also returns the number of IoUs within 1e-6 of a
    threshold.

    Raises InputError for columns of unequal length, a position out of range, a box or score that is not finite, or a
    negative width or height.
    """
    table = "detections"
    in_truth = positions_of(table, "image", image_positions, len(truth.begin) - 1)
    images = len(in_truth)
    image, label, boxes_xywh = rows_of_boxes(table, images, truth.classes, image, label, boxes_xywh)
    check_sizes(table, boxes_xywh)
    rows = len(label)
    scores = column_of_numbers(table, "score", scores, rows)
    threads = whole_number("threads", threads)
    begin, order = ordered(image, images)
    matches = Matches(begin, np.empty(rows, np.int32), np.empty(rows), ())
    near = 0
    for part in lattice.parts():
        lanes = len(lattice.iou_thresholds[part]) * len(lattice.area_ranges)
        masks = Masks(*(np.empty((rows, (lanes + 7) // 8), np.uint8) for _ in range(2)))
        near += native.match(
            truth.native(),
            lattice.native(part),
            in_truth,
            begin,
            order,
            label,
            boxes_xywh,
            scores,
            threads,
            matches.label,
            matches.scores,
            *masks,
        )
        matches = replace(matches, masks=(*matches.masks, masks))
    return matches, near


def accumulate(
    truth: TruthIndex,
    lattice: Lattice,
    found: Sequence[MatchedImages],
    *,
    recall_thresholds: NDArray[np.float64],
    max_detections: tuple[int, ...],
    threads: int = 1,
) -> tuple[CocoTensors, int, int]:
    """The protocol's tensors, identical for any number of threads and any division of images into parts of `found`.

    Also returns how many detections share class and score with another, and how many are beyond the highest maximum.

    Each image is in at most one part; an image in no part has no detections. Both other arguments ascend.
    """
    threads = whole_number("threads", threads)
    maxima = whole_array("max_detections", max_detections, 1)
    recall_thresholds = number_array("recall_thresholds", recall_thresholds)
    parts, tied, truncated = [], 0, 0
    for number, part in enumerate(lattice.parts()):
        thresholds = len(lattice.iou_thresholds[part])
        sizes = (thresholds, len(recall_thresholds), truth.classes, len(lattice.area_ranges), len(maxima))
        tensors = CocoTensors(np.empty(sizes), np.empty((sizes[0], *sizes[2:])), np.empty(sizes))
        tied, truncated = native.accumulate(
            truth.native(), lattice.native(part), [each.native(number) for each in found],
            recall_thresholds, maxima, threads, *tensors,
        )  # fmt: skip
        parts.append(tensors)
    if len(parts) == 1:
        return parts[0], tied, truncated
    return CocoTensors(*(np.concatenate(tensors) for tensors in zip(*parts, strict=True))), tied, truncated


def raw_curves(truth: TruthIndex, lattice: Lattice, matches: Matches, threshold: int) -> RawCurves:
    """Raw curves of all classes at one IoU threshold (by position) in the first area range, over all detections."""
    threshold = whole_number("threshold", threshold, 0, len(lattice.iou_thresholds) - 1)
    part = threshold // (_LANES // len(lattice.area_ranges))
    lane = threshold - lattice.parts()[part].start
    rows = len(matches.label)
    begin = np.empty(truth.classes + 1, np.int64)
    before, tied, scores = np.empty(rows, np.int32), np.empty(rows, np.int32), np.empty(rows)
    native.raw_curves(
        truth.native(), lane, matches.begin, matches.label, matches.scores, *matches.masks[part],
        begin, before, tied, scores,
    )  # fmt: skip
    found = begin[-1]
    return RawCurves(begin, before[:found].copy(), tied[:found].copy(), scores[:found].copy())


def bootstrap(
    truth: TruthIndex,
    lattice: Lattice,
    matches: Matches,
    *,
    recall_thresholds: NDArray[np.float64],
    max_detections: int,
    resamples: int,
    seed: int,
    weights: NDArray[np.int32] | None = None,
    threads: int = 1,
) -> NDArray[np.float64]:
    """AP [resamples, K, T] over images drawn with replacement, in the first area range; -1 without ground truth.

    Resample b draws the same images for any matches of this ground truth. If `weights` [resamples, I] is given, it says
    how often every image counts, and nothing is drawn. `matches` covers every image of the ground truth. Without
    `recall_thresholds`, AP is the area under the curve.

    Raises InputError for weights of a wrong shape, below 0 or above 2^20.
    """
    threads = whole_number("threads", threads)
    resamples = whole_number("resamples", resamples, low=0)
    max_detections = whole_number("max_detections", max_detections)
    seed = whole_number("seed", seed, low=0, high=UINT64_MAX)
    recall_thresholds = number_array("recall_thresholds", recall_thresholds)
    images = len(truth.begin) - 1
    counts = np.zeros((0, images), np.int32)
    if weights is not None:
        counts = whole_array("weights", weights, 0, _MAX_WEIGHT, dtype=np.int32)
        if counts.shape != (resamples, images):
            raise InputError(f"weights is {counts.shape}: give one per resample and image, {(resamples, images)}")
    found = []
    for part, masks in zip(lattice.parts(), matches.masks, strict=True):
        ap = np.empty((resamples, truth.classes, len(lattice.iou_thresholds[part])))
        native.bootstrap(
            truth.native(), lattice.native(part), matches.begin, matches.label, matches.scores, *masks,
            recall_thresholds, max_detections, seed, counts, threads, ap,
        )  # fmt: skip
        found.append(ap)
    return found[0] if len(found) == 1 else np.concatenate(found, axis=2)
