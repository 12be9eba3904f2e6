"""Score all detections of a data set in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from ..data.dataset import DetectionTable, GroundTruth
from . import protocols
from .evaluation import Evaluation
from .evaluator import Evaluator
from .protocols import Protocol


def evaluate(
    ground_truth: GroundTruth,
    detections: DetectionTable,
    *,
    max_detections: Sequence[int] = protocols.MAX_DETECTIONS,
    iou_thresholds: ArrayLike | None = None,
    area_ranges: Mapping[str, tuple[float, float]] | None = None,
    protocol: Protocol = "coco",
    threads: int = 1,
) -> Evaluation:
    """Match and accumulate a whole table of detections; the arguments are those of `Evaluator`.

    Equal scores of one image keep the order of the rows, so that order is part of the input.

    Raises InputError for an unknown protocol, a score or box that is not finite, a negative width or height, or a row
    whose image or class the ground truth does not have.
    """
    evaluator = Evaluator(ground_truth, protocol, iou_thresholds, area_ranges, max_detections, threads=threads)
    evaluator.update_table(detections)
    return evaluator.result()
