"""The result of an evaluation: tensors, and the numbers derived from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..kernels.lanes import of_area
from ..kernels.matching import Lattice, Matches, TruthIndex, raw_curves
from . import summarize
from .join import Found
from .protocols import Protocol

if TYPE_CHECKING:
    from .curves import BestF1, Curve


@dataclass(frozen=True)
class Counts:
    """Counts behind the numbers of an evaluation."""

    images: int
    skipped_images: int  # images of the ground truth that no update named (with a table: that have no row)
    detections: int
    truncated_detections: int  # detections beyond the highest maximum per image and class
    dropped_by_nms: int  # detections beyond a limit of NMS, as far as NMS reported them
    near_threshold: int  # IoUs within 1e-6 of a threshold: decisions that a different rounding might change
    tied_scores: int  # detections that share class and score with another


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: T IoU thresholds, R recalls, K classes, A area ranges, M maxima of detections.

    The tensors equal pycocotools' `COCOeval.eval` to the last bit under protocol "coco"; -1 marks a (class, area range)
    without ground truth. Under the protocols of Ultralytics and VOC the tensors sample that protocol's matching as COCO
    does, while `stats` and every AP follow that protocol.

        >>> from bench_freeze import Evaluator
        >>> truth = {"images": [{"id": 1}], "categories": [{"id": 3, "name": "pear"}], "annotations": []}
        >>> box = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 9, 9], "area": 81}
        >>> truth["annotations"].append(box)
        >>> result = Evaluator(truth).result()  # nothing was found
        >>> result.stats()["AP"], result.counts.skipped_images, result.class_names
        (0.0, 1, ('pear',))
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
    counts: Counts
    truth: TruthIndex = field(repr=False)
    lattice: Lattice = field(repr=False)
    found: Found = field(repr=False)

    @property
    def matches(self) -> Matches:
        """The matches of every image of the ground truth, in order; joined from the updates on first use."""
        return self.found.joined

    def stats(self) -> dict[str, float]:
        """COCO's twelve numbers by their names in STAT_NAMES; other protocols have only AP, AP50 and AP75.

        -1 marks an undefined number.
        """
        if self.is_coco:
            return summarize.twelve_numbers(self)
        return {"AP": self.ap(), "AP50": self.ap50(), "AP75": self._at(0.75)}

    @property
    def is_coco(self) -> bool:
        """Whether AP is read from the tensors."""
        return self.lattice.rule == "coco"

    def ap(self) -> float:
        """Mean AP over all thresholds and classes; -1 without ground truth."""
        return summarize.average_precision(self) if self.is_coco else _mean(self._curve_ap[self._has_truth])

    def ap50(self) -> float:
        """As `ap`, at IoU 0.5."""
        return summarize.average_precision(self, iou_threshold=0.5) if self.is_coco else self._at(0.5)

    def ap_per_class(self) -> tuple[float | None, ...]:
        """[K] AP of each class; None if it has no ground truth."""
        return summarize.per_class(self) if self.is_coco else self._per_class(self._curve_ap)

    def ap50_per_class(self) -> tuple[float | None, ...]:
        """[K] AP at IoU 0.5 of each class; None if it has no ground truth."""
        if self.is_coco:
            return summarize.per_class(self, iou_threshold=0.5)
        return self._per_class(self._curve_ap[:, self._nearest(0.5)])

    def ap_by_iou(self) -> dict[float, float]:
        """AP at each IoU threshold; -1 without ground truth."""
        if self.is_coco:
            return summarize.precision_by_iou(self)
        return {
            float(t): _mean(ap) for t, ap in zip(self.iou_thresholds, self._curve_ap[self._has_truth].T, strict=True)
        }

    def of_size(self, area: str) -> Evaluation:
        """The evaluation restricted to one area range: objects of other sizes count as neither found nor missed, and
        unmatched detections of other sizes are ignored. Raises InputError for a range that was not evaluated.

            >>> from bench_freeze import Evaluator
            >>> truth = {"images": [{"id": 1}], "categories": [{"id": 3, "name": "pear"}], "annotations": []}
            >>> box = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 9, 9], "area": 81}
            >>> truth["annotations"].append(box)
            >>> result = Evaluator(truth).result()
            >>> result.of_size("small").ap(), result.of_size("large").ap()
            (0.0, -1.0)
        """
        names = list(self.area_ranges)
        if area not in names:
            raise InputError(f"area range {area!r} was not evaluated: give one of {', '.join(names)}")
        at = names.index(area)
        lattice, matches = of_area(self.lattice, self.matches, at)
        return replace(
            self,
            precision=self.precision[:, :, :, at : at + 1],
            recall=self.recall[:, :, at : at + 1],
            scores=self.scores[:, :, :, at : at + 1],
            area_ranges={"all": self.area_ranges[area]},
            ground_truth_count=self._objects(at),
            lattice=lattice,
            found=Found.whole(matches, lattice),
        )

    def best_f1(self, iou_threshold: float = 0.5) -> tuple[BestF1 | None, ...]:
        """[K] score threshold of the highest F1 of each class, from the raw curve over all areas.

        None without ground truth or true positives. Raises InputError for an IoU threshold that was not evaluated.
        """
        from .curves import best_f1

        at = self._nearest(iou_threshold)
        if not len(at):
            raise InputError(f"IoU {iou_threshold} was not evaluated: give one of {self.iou_thresholds.tolist()}")
        return tuple(best_f1(curve) for curve in self._curves(int(at[0])))

    def _curves(self, threshold: int) -> list[Curve]:
        from .curves import curve_of  # COCO's twelve numbers need no raw curves

        raw = raw_curves(self.truth, self.lattice, self.matches, threshold)
        return [curve_of(raw, label, int(count)) for label, count in enumerate(self._objects(0))]

    def _objects(self, area: int) -> NDArray[np.int64]:
        """[K] boxes in one area range (by position) that are not crowds."""
        low, high = self.lattice.area_ranges[area]
        is_counted = (self.truth.is_crowd == 0) & (self.truth.area >= low) & (self.truth.area <= high)
        return np.bincount(self.truth.label[is_counted], minlength=self.truth.classes)

    @cached_property
    def _curve_ap(self) -> NDArray[np.float64]:
        """[K, T] AP by the protocol's own formula; 0 without ground truth."""
        from .curves import average_precision

        ap = np.zeros((self.truth.classes, len(self.iou_thresholds)))
        for threshold in range(ap.shape[1]):
            for label, curve in enumerate(self._curves(threshold)):
                if curve.truths:
                    ap[label, threshold] = average_precision(curve, self.protocol)
        return ap

    @property
    def _has_truth(self) -> NDArray[np.bool_]:
        return self._objects(0) > 0

    def _nearest(self, iou_threshold: float) -> NDArray[np.intp]:
        """The position of a threshold, or an empty array; float32 thresholds are not exact."""
        return np.flatnonzero(np.abs(self.iou_thresholds - iou_threshold) < 1e-6)[:1]

    def _at(self, iou_threshold: float) -> float:
        return _mean(self._curve_ap[self._has_truth][:, self._nearest(iou_threshold)])

    def _per_class(self, ap: NDArray[np.float64]) -> tuple[float | None, ...]:
        return tuple(
            float(np.mean(row)) if has_truth and row.size else None
            for row, has_truth in zip(ap, self._has_truth, strict=True)
        )


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values)) if values.size else -1.0
