"""Accuracy: detections of a head against the ground truth of a data set, as the results record it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from ..data.classes import ClassMap
from ..data.dataset import DetectionSet, DetectionTable
from ..evaluate import Evaluation, evaluate
from ..evaluate.head_curves import CONFUSION_IOU, CONFUSION_SCORE, IOU_THRESHOLD, confusion, head_curves
from ..evaluate.match_file import MatchFile
from ..evaluate.protocols import Protocol
from ..results.curves import Confusion, ConfusionCell, HeadCurves
from ..results.schema import Accuracy, ClassAccuracy
from .by_protocol import evaluate_by_protocol, kept_by_protocol
from .pipeline import HeadDetections

MOST_CELLS = 400  # per confusion matrix: 50 rows with two heads stay below a megabyte
DIGITS = 5  # decimals of a curve's points: more than a plot shows


@dataclass(frozen=True)
class Scored:
    """The numbers of one head on one data set, and the evaluation that they come from."""

    accuracy: Accuracy
    evaluation: Evaluation
    low: Evaluation | None = None  # the same at IoU below 0.50, where requested
    by_protocol: Mapping[str, Evaluation] = field(default_factory=dict)  # at every IoU and size, where requested
    scored: tuple[DetectionTable, DetectionSet] | None = None  # the data for the curves

    def by_protocols(self, protocols: Sequence[Protocol]) -> Scored:
        """The same with AP by these protocols, at every IoU threshold and for every object size."""
        if not protocols or self.scored is None:
            return self
        table, data = self.scored
        return replace(self, by_protocol=evaluate_by_protocol(data.ground_truth, table, protocols))

    def kept_in(self, matches: MatchFile) -> Accuracy:
        """Add the match data to `matches`; return the accuracy with their names and the curves."""
        parts = self.accuracy.breakdown
        if self.low is not None and parts is not None:
            parts = msgspec.structs.replace(parts, low_matches=matches.add(self.low))
        kept = matches.add(self.evaluation)
        return msgspec.structs.replace(
            self.accuracy,
            matches=kept,
            breakdown=parts,
            curves=self._curves(),
            by_protocol=kept_by_protocol(self.by_protocol, matches) if self.by_protocol else None,
        )

    def _curves(self) -> HeadCurves | None:
        """Curves and the largest cells of the confusion matrix, in the form of the results."""
        found = head_curves(self.evaluation)
        if found is None or self.scored is None:
            return None
        table, data = self.scored
        counts = confusion(data.ground_truth, table)
        background = len(data.class_names)
        filled = sorted(zip(*np.nonzero(counts), strict=True), key=lambda cell: (-counts[cell], *cell))
        kept = []
        for cell in filled[:MOST_CELLS]:
            annotated, detected = (-1 if k == background else int(k) for k in cell)
            kept.append(ConfusionCell(annotated, detected, int(counts[cell])))
        return HeadCurves(
            iou_threshold=IOU_THRESHOLD,
            precision=[round(float(v), DIGITS) for v in found.precision],
            f1=[round(float(v), DIGITS) for v in found.f1],
            confusion=Confusion(
                score_threshold=CONFUSION_SCORE,
                iou_threshold=CONFUSION_IOU,
                classes=list(data.class_names),
                cells=kept,
                left_out=len(filled) - len(kept),
            ),
        )


def score(detections: HeadDetections, classes: ClassMap, data: DetectionSet) -> Scored:
    """Score one head's detections by the COCO protocol; classes that the map leaves out are not scored."""
    table = as_table(detections, classes)
    evaluation = evaluate(data.ground_truth, table)
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
    return Scored(accuracy, evaluation, scored=(table, data))


def as_table(detections: HeadDetections, classes: ClassMap) -> DetectionTable:
    """A head's detections in the categories of a data set, with boxes as left, top, width, height."""
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
    """The value, or None for COCO's -1, which means that there was nothing to measure."""
    return None if value is None or value < 0 else float(value)
