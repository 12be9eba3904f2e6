"""From ground truth and detections to the tensors that every COCO number is read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import ext
from ..data.dataset import DetectionTable, GroundTruth
from ..errors import InputError
from . import coco_protocol, summarize
from .coco_protocol import Protocol


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: T IoU thresholds, R recalls, K classes, A area ranges, M maxima of detections.

    The tensors equal pycocotools' `COCOeval.eval` to the last bit under protocol "coco"; -1 marks a (class, area
    range) without ground truth.
    """

    protocol: Protocol
    precision: NDArray[np.float64]  # [T, R, K, A, M]
    recall: NDArray[np.float64]  # [T, K, A, M]
    scores: NDArray[np.float64]  # [T, R, K, A, M], the detection score at each recall
    iou_thresholds: NDArray[np.float64]  # [T]
    area_ranges: Mapping[str, tuple[float, float]]  # A names, in the tensors' order
    max_detections: tuple[int, ...]  # [M]
    class_names: tuple[str, ...]  # [K]
    ground_truth_count: NDArray[np.int64]  # [K], boxes that are not crowds

    def stats(self) -> dict[str, float]:
        """The twelve numbers by their names in STAT_NAMES; -1 where a number is not defined."""
        return summarize.twelve_numbers(self)

    def ap(self) -> float:
        """Mean precision over all thresholds, recalls and classes; -1 without ground truth."""
        return summarize.average_precision(self)

    def ap50(self) -> float:
        """As `ap`, at IoU 0.5."""
        return summarize.average_precision(self, iou_threshold=0.5)

    def ap_per_class(self) -> tuple[float | None, ...]:
        """[K] AP of each class, None where it has no ground truth."""
        return summarize.per_class(self)

    def ap50_per_class(self) -> tuple[float | None, ...]:
        """[K] AP at IoU 0.5 of each class, None where it has no ground truth."""
        return summarize.per_class(self, iou_threshold=0.5)

    def ap_by_iou(self) -> dict[float, float]:
        """AP at each IoU threshold; -1 without ground truth."""
        return summarize.precision_by_iou(self)


def evaluate(
    ground_truth: GroundTruth,
    detections: DetectionTable,
    *,
    max_detections: Sequence[int] = coco_protocol.MAX_DETECTIONS,
    iou_thresholds: ArrayLike | None = None,
    area_ranges: Mapping[str, tuple[float, float]] | None = None,
    protocol: Protocol = "coco",
) -> Evaluation:
    """Match and accumulate by the COCO protocol.

    Equal scores keep the order of the rows, so the order of `detections` is part of the input. `max_detections` is
    sorted; `area_ranges` maps names to (lowest, highest) square pixels, both inclusive. The defaults are COCO's.

    Raises InputError for an unknown protocol, a NaN score, a box that is not finite, or a row whose image or class
    the ground truth does not have.
    """
    if protocol not in coco_protocol.PROTOCOLS:
        raise InputError(f"protocol {protocol!r} is unknown: choose one of {', '.join(coco_protocol.PROTOCOLS)}")
    images = _sorted_positions("image", ground_truth.image_ids)
    classes = _sorted_positions("category", ground_truth.category_ids)
    thresholds = coco_protocol.IOU_THRESHOLDS if iou_thresholds is None else np.asarray(iou_thresholds, np.float64)
    ranges = dict(coco_protocol.AREA_RANGES if area_ranges is None else area_ranges)
    maxima = tuple(sorted(int(maximum) for maximum in max_detections))
    tensors = ext.match_and_accumulate(
        truth_image=ground_truth.image_index,
        truth_label=ground_truth.labels,
        truth_boxes_xywh=ground_truth.boxes_xywh,
        truth_area=ground_truth.area,
        truth_is_crowd=ground_truth.is_crowd,
        truth_is_void=(ground_truth.annotation_ids == 0) & (protocol == "coco"),
        image=detections.image_index,
        label=detections.labels,
        boxes_xywh=detections.boxes_xywh,
        scores=detections.scores,
        images=images,
        classes=classes,
        iou_thresholds=thresholds,
        recall_thresholds=coco_protocol.RECALL_THRESHOLDS,
        area_ranges=np.array(list(ranges.values()), np.float64).reshape(-1, 2),
        max_detections=maxima,
    )
    return Evaluation(
        protocol=protocol,
        precision=tensors.precision,
        recall=tensors.recall,
        scores=tensors.scores,
        iou_thresholds=thresholds,
        area_ranges=ranges,
        max_detections=maxima,
        class_names=ground_truth.class_names,
        ground_truth_count=np.bincount(ground_truth.labels[~ground_truth.is_crowd], minlength=classes),
    )


def _sorted_positions(what: str, ids: NDArray[np.int64]) -> int:
    """How many there are; equal scores are ordered by image id, so positions must ascend with ids."""
    if (np.diff(ids) <= 0).any():
        raise InputError(f"{what} ids of the ground truth do not ascend: sort them, each once, and renumber the rows")
    return len(ids)
