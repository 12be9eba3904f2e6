"""AP in parts: at every IoU, by area of the objects, by number of objects in an image; with intervals over images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import DetectionTable, GroundTruth, truth_of_images
from ..kernels.matching import bootstrap
from ..results.analysis import Breakdown, NumberInterval, Part
from . import protocols
from .bootstrap import mean_ap, percentiles
from .evaluate import evaluate
from .evaluation import Evaluation
from .ground_truth import sound_truth
from .incoming import sound_table
from .variation import SAME, varying_images

# COCO's ten thresholds unchanged, so that AP there equals COCO's to the last bit, after eight lower ones.
LOW_IOU_THRESHOLDS: NDArray[np.float64] = np.arange(10, 50, 5) / 100
IOU_THRESHOLDS: NDArray[np.float64] = np.concatenate([LOW_IOU_THRESHOLDS, protocols.IOU_THRESHOLDS])
COUNT_BINS: Mapping[str, tuple[int, float]] = {"1": (1, 1), "2-4": (2, 4), "5-9": (5, 9), "10+": (10, np.inf)}


UNDEFINED = NumberInterval(value=None, low=None, high=None)


def break_down(
    ground_truth: GroundTruth,
    detections: DetectionTable,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    threads: int = 1,
) -> Breakdown:
    """AP in parts by the COCO protocol: at IOU_THRESHOLDS, by COCO's areas, and by COUNT_BINS, whose images are scored
    alone.

    A resample draws as many images as there are, with replacement, as in `compare`. The intervals cover the choice of
    images, not of the training. They are basic bootstrap intervals (Davison and Hinkley, "Bootstrap Methods and their
    Application", 1997, eq. 5.6): the resampled quantiles mirrored at the value. On average AP is higher on a resample
    than on the images that it is drawn from, as it is on few images compared with many; percentile intervals would
    count that bias twice. If a part's images allow no interval (see `variation`), it has only a value.

    Images without objects belong to no part by count, since their AP is undefined.
    """

    def intervals(evaluation: Evaluation) -> _Intervals:
        return _Intervals(evaluation, resamples, confidence, seed, threads)

    ground_truth = sound_truth(ground_truth)
    detections = sound_table(detections, len(ground_truth.image_ids), len(ground_truth.category_ids))
    own = ~ground_truth.is_crowd
    by_iou = intervals(evaluate(ground_truth, detections, iou_thresholds=IOU_THRESHOLDS, threads=threads)).by_iou()
    by_area = {}
    for name, (low, high) in protocols.AREA_RANGES.items():
        if name == "all":
            continue
        inside = own & (ground_truth.area >= low) & (ground_truth.area <= high)
        found = evaluate(ground_truth, detections, area_ranges={"all": (low, high)}, threads=threads)
        by_area[name] = intervals(found).part(len(np.unique(ground_truth.image_index[inside])), int(inside.sum()))
    counts = np.bincount(ground_truth.image_index[own], minlength=len(ground_truth.image_ids))
    by_count = {}
    for name, (fewest, most) in COUNT_BINS.items():
        images = np.flatnonzero((counts >= fewest) & (counts <= most))
        if not len(images):
            by_count[name] = Part(images=0, objects=0, ap=UNDEFINED, ap50=UNDEFINED)
            continue
        found = evaluate(truth_of_images(ground_truth, images), _of_images(detections, images, len(counts)))
        by_count[name] = intervals(found).part(len(images), int(counts[images].sum()))
    return Breakdown(by_iou=by_iou, by_area=by_area, by_count=by_count, resamples=resamples, confidence=confidence)


class _Intervals:
    """AP of one evaluation by threshold, on its images and on every resample."""

    def __init__(self, evaluation: Evaluation, resamples: int, confidence: float, seed: int, threads: int) -> None:
        self._evaluation, self._tails = evaluation, [(1 - confidence) / 2, (1 + confidence) / 2]
        ap = bootstrap(
            evaluation.truth,
            evaluation.lattice,
            evaluation.matches,
            recall_thresholds=protocols.RECALL_THRESHOLDS,
            max_detections=protocols.AP_MAX_DETECTIONS,
            resamples=resamples,
            seed=seed,
            threads=threads,
        )
        self._drawn = np.where(ap < 0, np.nan, ap)  # [resamples, K, T]; NaN without ground truth
        self._images = varying_images(evaluation.truth, area=next(iter(evaluation.area_ranges.values())))

    def by_iou(self) -> dict[str, NumberInterval]:
        return {
            f"{iou:.2f}": self._interval(ap, self._drawn[:, :, [t]])
            for t, (iou, ap) in enumerate(self._evaluation.ap_by_iou().items())
        }

    def part(self, images: int, objects: int) -> Part:
        at_50 = np.flatnonzero(self._evaluation.iou_thresholds == 0.5)
        return Part(
            images=images,
            objects=objects,
            ap=self._interval(self._evaluation.ap(), self._drawn),
            ap50=self._interval(self._evaluation.ap50(), self._drawn[:, :, at_50]),
        )

    def _interval(self, value: float, drawn: NDArray[np.float64]) -> NumberInterval:
        """The interval of the mean over thresholds and over the classes with ground truth in a resample."""
        if value < 0:
            return UNDEFINED
        (low, high), reason = percentiles(mean_ap(drawn, self._evaluation.iou_thresholds), self._images, self._tails)
        if low is None or high is None:
            return NumberInterval(value=float(value), low=None, high=None, no_interval=reason)
        low, high = (float(np.clip(2 * value - end, 0, 1)) for end in (high, low))
        if high - low <= SAME:
            reason = "the resamples of the images all lie on one side of it"
            return NumberInterval(value=float(value), low=None, high=None, no_interval=reason)
        return NumberInterval(value=float(value), low=low, high=high)


def _of_images(detections: DetectionTable, images: NDArray[np.integer], count: int) -> DetectionTable:
    """The detections on some of `count` images, numbered as `truth_of_images` numbers them."""
    position = np.full(count, -1, np.int32)
    position[images] = np.arange(len(images), dtype=np.int32)
    kept = position[detections.image_index] >= 0
    return DetectionTable(
        image_index=position[detections.image_index[kept]],
        labels=detections.labels[kept],
        boxes_xywh=detections.boxes_xywh[kept],
        scores=detections.scores[kept],
    )
