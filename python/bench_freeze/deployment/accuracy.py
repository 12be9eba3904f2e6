"""Accuracy: detections of a head against the ground truth of a data set, as the results record it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from ..data.classes import ClassMap
from ..data.dataset import DetectionSet, DetectionTable
from ..evaluate import Evaluation, evaluate
from ..evaluate.match_file import MatchFile
from ..results.schema import Accuracy, ClassAccuracy
from .pipeline import HeadDetections


@dataclass(frozen=True)
class Scored:
    """The numbers of one head on one data set, and the evaluation that they were read from."""

    accuracy: Accuracy
    evaluation: Evaluation
    low: Evaluation | None = None  # the same at IoU below 0.50, where something is to be read from it

    def kept_in(self, matches: MatchFile) -> Accuracy:
        """The accuracy with the names under which its match data are now kept."""
        parts = self.accuracy.breakdown
        if self.low is not None and parts is not None:
            parts = msgspec.structs.replace(parts, low_matches=matches.add(self.low))
        return msgspec.structs.replace(self.accuracy, matches=matches.add(self.evaluation), breakdown=parts)


def score(detections: HeadDetections, classes: ClassMap, data: DetectionSet) -> Scored:
    """Score one head's detections by the COCO protocol; classes that were left out of the map are not scored."""
    evaluation = evaluate(data.ground_truth, as_table(detections, classes))
    stats = evaluation.stats()
    per_class = {
        name: ClassAccuracy(ap=ap, ap50=ap50, ground_truth=int(count))
        for name, ap, ap50, count in zip(
            data.class_names,
            evaluation.ap_per_class(),
            evaluation.ap50_per_class(),
            evaluation.ground_truth_count,
            strict=True,
        )
    }
    accuracy = Accuracy(
        map=_measured(stats["AP"]),
        map50=_measured(stats["AP50"]),
        map75=_measured(stats["AP75"]),
        map_small=_measured(stats["AP_small"]),
        map_medium=_measured(stats["AP_medium"]),
        map_large=_measured(stats["AP_large"]),
        per_class=per_class,
        ap_by_iou={f"{iou:.2f}": _measured(ap) for iou, ap in evaluation.ap_by_iou().items()},
        detections=len(detections),
        dropped_detections=detections.dropped,
    )
    return Scored(accuracy, evaluation)


def as_table(detections: HeadDetections, classes: ClassMap) -> DetectionTable:
    """A head's detections in the categories of a data set, boxes as left, top, width, height."""
    labels = classes.head_to_data[detections.labels] if len(detections) else np.zeros(0, np.int32)
    kept = labels >= 0
    boxes = detections.boxes_xyxy[kept]
    return DetectionTable(
        image_index=detections.image_index[kept],
        labels=labels[kept],
        boxes_xywh=np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1),
        scores=detections.scores[kept].astype(np.float64),
    )


def _measured(value: float | None) -> float | None:
    """COCO's -1 means that there was nothing to measure."""
    return None if value is None or value < 0 else float(value)
