"""The change of a head's accuracy between two runs on the same images, by a paired bootstrap over the images.

Both runs are scored on the same drawn images, so the difficulty of an image cancels. AP comes from the compiled
resampler (csrc/cpu/bootstrap.cpp), which weights each image by its number of draws and rebuilds the curves. F1 and
calibration are sums over images, so a resample is a product with the matrix of draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..evaluate.bootstrap import resampled_ap, whole_ap
from ..evaluate.evaluation import Evaluation
from ..evaluate.variation import is_kept_zero, silence, varying_images
from ..stats.equivalence import POWER
from ..stats.student import quantile
from .change import Change

RESAMPLES = 1000
SEED = 20240131
SHIPPED_SCORE = 0.25  # the default of Ultralytics' predict
SHIPPED_IOU = 0.5
CALIBRATION_BINS = 10
MIN_CLASS_BOXES = 10
MIN_IMAGES = 10

Numbers = tuple[float, NDArray[np.float64]]  # on all images, and on each resample


@dataclass(frozen=True)
class HeadNumbers:
    """All checked numbers of one head, on all images and on each resample."""

    evaluation: Evaluation
    resamples: int = RESAMPLES
    threads: int = 1

    def map(self) -> Numbers:
        """Mean AP over classes and IoU 0.50:0.95."""
        return self._mean(slice(None))

    def map50(self) -> Numbers:
        """Mean AP over classes at IoU 0.5."""
        return self._mean(np.abs(self.evaluation.iou_thresholds - 0.5) < 1e-6)

    def class_ap(self, label: int) -> Numbers:
        """AP of one class over IoU 0.50:0.95."""
        whole, drawn = self._ap
        return float(whole[0, label].mean()), drawn[:, label].mean(axis=1)

    def f1(self) -> Numbers:
        """F1 over all classes, of detections that score at least SHIPPED_SCORE, at SHIPPED_IOU."""

        def f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
            found, right, boxes = sums[..., 0], sums[..., 1], sums[..., 2]
            return 2 * right / np.maximum(found + boxes, 1)

        return self._of_sums(f1, self._counts[:, :3])

    def calibration(self) -> Numbers:
        """Detection calibration error (Kueppers et al. 2020) over scores only: the gap between score and precision.

        Detections that score at least SHIPPED_SCORE, in CALIBRATION_BINS bins; the mean over detections of |precision
        of the bin - mean score of the bin|.
        """

        def error(sums: NDArray[np.float64]) -> NDArray[np.float64]:
            bins = sums.reshape(*sums.shape[:-1], CALIBRATION_BINS, 3)  # detections, right ones, sum of scores
            apart = np.abs(bins[..., 1] - bins[..., 2]).sum(axis=-1)
            total: NDArray[np.float64] = apart / np.maximum(bins[..., 0].sum(axis=-1), 1)
            return total

        return self._of_sums(error, self._counts[:, 3:])

    @cached_property
    def _ap(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[1, K, T] and [resamples, K, T], NaN without ground truth."""
        return whole_ap(self.evaluation), resampled_ap(self.resamples, self.evaluation, SEED, self.threads)

    def _mean(self, thresholds: slice | NDArray[np.bool_]) -> Numbers:
        whole, drawn = (_mean(ap[:, :, thresholds].reshape(len(ap), -1)) for ap in self._ap)
        return float(whole[0]), drawn

    def _of_sums(
        self, number: Callable[[NDArray[np.float64]], NDArray[np.float64]], counts: NDArray[np.float64]
    ) -> Numbers:
        draws = image_draws(len(counts), self.resamples)
        return float(number(counts.sum(axis=0))), number(draws @ counts)

    @cached_property
    def _counts(self) -> NDArray[np.float64]:
        """[I, 3 + 3 * bins] of each image: detections, right ones, boxes; then of each bin."""
        evaluation = self.evaluation
        matches, truth = evaluation.matches, evaluation.truth
        images = len(matches.begin) - 1
        lane = int(np.flatnonzero(np.abs(evaluation.iou_thresholds - SHIPPED_IOU) < 1e-6)[0])  # area range 0: all
        right, ignored = ((mask[:, lane // 8] >> (lane % 8)) & 1 for mask in matches.masks[0])
        kept = (matches.scores >= SHIPPED_SCORE) & (ignored == 0)
        image = np.repeat(np.arange(images), np.diff(matches.begin))[kept]
        scores, right = matches.scores[kept], right[kept].astype(np.float64)
        boxes = np.repeat(np.arange(images), np.diff(truth.begin))[truth.is_crowd == 0]
        columns = [
            np.bincount(image, minlength=images),
            np.bincount(image, right, images),
            np.bincount(boxes, minlength=images),
        ]
        which = np.minimum((scores * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        cell = image * CALIBRATION_BINS + which
        bins = np.stack(
            [np.bincount(cell, weights, images * CALIBRATION_BINS) for weights in (np.ones(len(cell)), right, scores)],
            axis=1,
        )
        return np.concatenate([np.stack(columns, axis=1), bins.reshape(images, -1)], axis=1).astype(np.float64)


@dataclass(frozen=True)
class AccuracyChange(Change):
    """A change of accuracy, measured on a number of images."""

    images: int = 0

    def to_decide(self, allowed: float, tail: float) -> str:
        """The number of images that would prove a change of this size to be beyond its limit in 80 % of cases.

        Standard errors fall with the square root of the number of images.
        """
        beyond = self.estimate - allowed
        if not beyond > 0 or not self.images or not self.se:
            return ""
        errors = quantile(1 - tail, math.inf) + quantile(POWER, math.inf)
        needed = max(math.ceil(self.images * (self.se * errors / beyond) ** 2), self.images + 1)
        return (
            f"about {needed:,} images like these {self.images:,} would decide it if the true change equals the "
            "measured one"
        )


@dataclass(frozen=True)
class Images:
    """The images behind a change: all that were drawn from, and those that its number can vary over."""

    count: int
    varying: int


def images_of(evaluation: Evaluation, label: int | None = None) -> Images:
    """The images of a head's number, or of the AP of one class."""
    varying = varying_images(evaluation.truth, None if label is None else [label])
    return Images(len(evaluation.matches.begin) - 1, varying)


def image_draws(images: int, resamples: int) -> NDArray[np.float64]:
    """[resamples, images] number of draws of each image, the same for both runs."""
    generator = np.random.default_rng(SEED)
    return generator.multinomial(images, np.full(images, 1 / images), resamples).astype(np.float64)


def fall(reference: Numbers, current: Numbers, images: Images) -> Change:
    """The change of a number for which higher is better."""
    return _change(reference, current, images, sign=-1.0)


def rise(reference: Numbers, current: Numbers, images: Images) -> Change:
    """The change of a number for which lower is better."""
    return _change(reference, current, images, sign=1.0)


def _change(reference: Numbers, current: Numbers, over: Images, sign: float) -> Change:
    images, difference = over.count, sign * (current[1] - reference[1])
    # A difference of 0 on every resample is never an alarm: a number that both runs repeat has not changed.
    kept_zero = is_kept_zero(difference, True)
    drawn = difference[np.isfinite(difference)]
    return AccuracyChange(
        images=images,
        reference=reference[0],
        current=current[0],
        worse=sign * (current[0] - reference[0]),
        # A resample of n images spreads by (n - 1) / n too little.
        se=float(np.std(drawn)) * (images / max(images - 1, 1)) ** 0.5 if len(drawn) > 1 else float("inf"),
        df=max(1.0, images - 1.0),
        silence=silence(over.varying, difference, is_kept_zero=kept_zero) if len(drawn) > 1 else None,
    )


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each row over its defined values; NaN if there are none."""
    count = np.isfinite(values).sum(axis=1)
    mean: NDArray[np.float64] = np.where(count, np.nansum(values, axis=1), np.nan) / np.maximum(count, 1)
    return mean


def checked_classes(evaluation: Evaluation) -> list[int]:
    """Classes with enough boxes to be tested."""
    return [int(k) for k in np.flatnonzero(evaluation.ground_truth_count >= MIN_CLASS_BOXES)]
