"""A paired bootstrap over images: is one result better than another, or does the choice of images explain it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..kernels.matching import bootstrap
from ..kernels.values import UINT64_MAX, real_number, whole_number
from . import protocols
from .evaluation import Evaluation
from .variation import SAME, is_kept_zero, silence, varying_images


@dataclass(frozen=True)
class Difference:
    """B minus A: the value on the given images, and the interval from the resamples.

    Both ends are None if resampling cannot show how the value varies over images; `no_interval` says why.
    """

    value: float
    low: float | None
    high: float | None
    no_interval: str | None = None

    @property
    def is_significant(self) -> bool:
        """Whether there is an interval and it excludes 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Comparison:
    """Differences of two results on the same ground truth; None if a number is undefined."""

    resamples: int
    confidence: float
    seed: int
    ap: Difference | None
    ap50: Difference | None
    ap75: Difference | None
    ap_per_class: dict[str, Difference | None]


def compare(
    result_a: Evaluation,
    result_b: Evaluation,
    resamples: int = 10_000,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    threads: int = 1,
) -> Comparison:
    """B minus A in AP, AP50, AP75 and AP per class, with percentile intervals.

    A resample draws as many images as there are, with replacement, and scores both results on it. An image that was
    drawn twice counts twice, with its ground truth and its detections, and the precision-recall curves are rebuilt. A
    class without ground truth in a resample is left out of it. The numbers are COCO's AP over all areas at the highest
    of `max_detections` up to 100. Equal seeds give equal intervals for any number of `threads`.

    If resampling cannot vary the number (one image, a class in one image only, the same value on every resample), the
    difference has a value but no interval. With few images per class (50 to 206 images of 80 classes), the nominal 95 %
    intervals cover the true difference in 87 to 93 % of cases (bench/accuracy_coverage.py).

    Raises InputError if the results differ in ground truth, protocol or thresholds, or the protocol is not COCO's.

        >>> from bench_freeze import Evaluator, compare
        >>> truth = {"images": [], "categories": [{"id": 1, "name": "pear"}], "annotations": []}
        >>> for k in range(30):
        ...     truth["images"].append({"id": k})
        ...     box = {"id": k + 1, "image_id": k, "category_id": 1, "bbox": [10, 10, 20, 20], "area": 400}
        ...     truth["annotations"].append(box)
        >>> def scored(found):
        ...     evaluator = Evaluator(truth)
        ...     box = {"category_id": 1, "bbox": [10, 10, 20, 20], "score": 0.9}
        ...     evaluator.update(detections=[{"image_id": k, **box} for k in range(found)])
        ...     return evaluator.result()
        >>> difference = compare(scored(15), scored(25), resamples=1000).ap
        >>> difference.low < difference.value < difference.high
        True
    """
    check_pair(result_a, result_b)
    resamples = whole_number("resamples", resamples)
    seed = whole_number("seed", seed, low=0, high=UINT64_MAX)
    example = "a number between 0 and 1, such as 0.95"
    confidence = real_number("confidence", confidence, np.nextafter(0, 1), np.nextafter(1, 0), example)
    numbers = [_Numbers(result, resamples, seed, threads) for result in (result_a, result_b)]
    are_identical = same_matches(result_a, result_b)

    def difference(number: str, at: int | None = None) -> Difference | None:
        (whole_a, drawn_a), (whole_b, drawn_b) = (entry.get(number, at) for entry in numbers)
        drawn = drawn_b - drawn_a
        value = float(whole_b - whole_a)
        if not np.isfinite(value):
            return None
        images = varying_images(result_a.truth, None if at is None else [at])
        kept_zero = is_kept_zero(drawn, are_identical, drawn_a, drawn_b)
        (low, high), reason = percentiles(
            drawn, images, [(1 - confidence) / 2, (1 + confidence) / 2], is_kept_zero=kept_zero
        )
        return Difference(value, low, high, reason)

    return Comparison(
        resamples=resamples,
        confidence=confidence,
        seed=seed,
        ap=difference("ap"),
        ap50=difference("ap50"),
        ap75=difference("ap75"),
        ap_per_class={name: difference("class", k) for k, name in enumerate(result_a.class_names)},
    )


def percentiles(
    drawn: NDArray[np.float64], images: int, tails: Sequence[float], *, is_kept_zero: bool = False
) -> tuple[tuple[float, float] | tuple[None, None], str | None]:
    """Quantiles of the resamples [B] at both `tails`, or None twice and the reason. Undefined resamples (NaN) are left
    out.

    `images` as in `silence`. Quantiles that coincide although a few resamples differ are not an interval either.
    """
    reason = silence(images, drawn, is_kept_zero=is_kept_zero)
    if reason is not None:
        return (None, None), reason
    low, high = map(float, np.quantile(drawn[np.isfinite(drawn)], tails))
    if high - low <= SAME and not is_kept_zero:
        return (None, None), "nearly every resample of the images gives the same number"
    return (low, high), None


def same_matches(a: Evaluation, b: Evaluation) -> bool:
    """Whether two results on one ground truth have the same detections with the same matches."""
    ours, theirs = a.matches, b.matches
    masks = (zip(x, y, strict=True) for x, y in zip(ours.masks, theirs.masks, strict=True))
    return (
        np.array_equal(ours.begin, theirs.begin)
        and np.array_equal(ours.label, theirs.label)
        and np.array_equal(ours.scores, theirs.scores)
        and all(np.array_equal(x, y) for part in masks for x, y in part)
    )


class _Numbers:
    """Every number of one result, on the whole data set and on each resample; NaN if undefined."""

    def __init__(self, result: Evaluation, resamples: int, seed: int, threads: int) -> None:
        self._thresholds = result.iou_thresholds
        self._whole = whole_ap(result)
        self._drawn = resampled_ap(resamples, result, seed, threads)

    def get(self, number: str, at: int | None) -> tuple[float, NDArray[np.float64]]:
        whole, drawn = (self._read(ap, number, at) for ap in (self._whole, self._drawn))
        return float(whole[0]), drawn

    def _read(self, ap: NDArray[np.float64], number: str, at: int | None) -> NDArray[np.float64]:
        if number == "class":
            of_class: NDArray[np.float64] = ap[:, at].mean(axis=1)
            return of_class
        return mean_ap(ap, self._thresholds, {"ap": None, "ap50": 0.5, "ap75": 0.75}[number])


def resampled_ap(
    resamples: int, result: Evaluation, seed: int, threads: int, *, weights: NDArray[np.int32] | None = None
) -> NDArray[np.float64]:
    """[resamples, K, T] AP over drawn images; NaN without ground truth.

    Resample b of any result on the same ground truth draws the same images. `weights` [resamples, I], if given, says
    how often every image counts, and nothing is drawn. Raises InputError for a protocol with another kind of AP.
    """
    recall_thresholds = protocols.rules_of(result.protocol).recall_thresholds
    if recall_thresholds is None:
        raise InputError(f"AP of protocol {result.protocol} cannot be resampled: evaluate by COCO's or VOC's")
    ap = bootstrap(
        result.truth,
        result.lattice,
        result.matches,
        recall_thresholds=recall_thresholds,
        max_detections=_maximum(result),
        resamples=resamples,
        seed=seed,
        weights=weights,
        threads=threads,
    )
    ap[ap < 0] = np.nan
    return ap


HALVES = 100
EVERY_DETECTION = (1 << 31) - 1  # per image and class: protocols other than COCO's have no maximum


def excess_of_few_images(result: Evaluation, seed: int, threads: int, halves: int = HALVES) -> NDArray[np.float64]:
    """[K, T] expected upward bias of AP that comes from the small number of images.

    Fewer images hold fewer false positives per class, so AP is higher. The bias is estimated as the mean AP on random
    halves of the images minus the AP on all of them, over the halves that have the class; NaN if none has it. Unlike
    the bootstrap's own estimate, no image is drawn twice, which would also be detected twice. The estimate is still too
    small: bench/accuracy_coverage.py measures by how much.
    """
    images = len(result.truth.begin) - 1
    order = np.random.default_rng(seed).random((halves, images)).argsort(axis=1)
    weights = (order < max(1, images // 2)).astype(np.int32)
    drawn = resampled_ap(halves, result, 0, threads, weights=weights)
    count = np.isfinite(drawn).sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.where(count, np.nansum(drawn, axis=0), np.nan) / count
    return np.asarray(mean - whole_ap(result)[0])


def whole_ap(result: Evaluation) -> NDArray[np.float64]:
    """[1, K, T] AP with every image once."""
    return resampled_ap(1, result, 0, 1, weights=np.ones((1, len(result.truth.begin) - 1), np.int32))


def mean_ap(
    ap: NDArray[np.float64], thresholds: NDArray[np.float64], iou_threshold: float | None = None
) -> NDArray[np.float64]:
    """[resamples] mean of AP [resamples, K, T] over classes with ground truth, at one IoU threshold or over all."""
    picked = ap if iou_threshold is None else ap[:, :, np.abs(thresholds - iou_threshold) < 1e-6]
    values = picked.reshape(len(picked), -1)
    count = np.isfinite(values).sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.where(count, np.nansum(values, axis=1), np.nan) / count
    return mean


def _maximum(result: Evaluation) -> int:
    if not result.is_coco:
        return EVERY_DETECTION
    within = [m for m in result.max_detections if m <= protocols.AP_MAX_DETECTIONS]
    return within[-1] if within else result.max_detections[0]


def check_pair(a: Evaluation, b: Evaluation) -> None:
    """Raise InputError if two results differ in ground truth, protocol or thresholds."""
    if not (a.is_coco and b.is_coco):
        raise InputError("compare takes results of protocol coco or coco-corrected: evaluate both by one of those")
    if a.protocol != b.protocol or not np.array_equal(a.iou_thresholds, b.iou_thresholds):
        raise InputError("the results differ in protocol or IoU thresholds: evaluate both alike")
    if a.max_detections != b.max_detections or list(a.area_ranges.items()) != list(b.area_ranges.items()):
        raise InputError("the results differ in max_detections or area ranges: evaluate both alike")
    names = ("begin", "label", "boxes_xywh", "area", "is_crowd", "is_void")
    if not all(np.array_equal(getattr(a.truth, name), getattr(b.truth, name)) for name in names):
        raise InputError("the results are of different ground truth: evaluate both on the same")
