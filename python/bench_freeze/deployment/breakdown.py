"""AP of one head on one data set, broken down and stored as an artifact, because its resamples are costly."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from ..artifact import ArtifactStore
from ..config.analysis import AnalysisOptions
from ..data.classes import ClassMap
from ..data.dataset import DetectionSet
from ..evaluate import evaluate
from ..evaluate.breakdown import COUNT_BINS, LOW_IOU_THRESHOLDS, break_down
from ..evaluate.protocols import AREA_RANGES
from ..results.analysis import Breakdown
from .accuracy import Scored, as_table, score
from .pipeline import HeadDetections

RESAMPLES = 1000
CONFIDENCE = 0.95
METHOD = 2  # increased whenever `break_down` gives different results for the same detections


def score_in_parts(
    detections: HeadDetections,
    classes: ClassMap,
    data: DetectionSet,
    analysis: AnalysisOptions,
    store: ArtifactStore,
    *,
    keep_low: bool = False,
) -> Scored:
    """Like `score`, with the breakdown where the study asks for it; the COCO numbers are the same either way.

    With `keep_low`, the breakdown includes the matches at low IoU, for comparison with another model image by image.
    """
    scored = score(detections, classes, data)
    if not analysis.breakdown:
        return scored
    table = as_table(detections, classes)
    digest = hashlib.sha256()
    for column in (table.image_index, table.labels, table.boxes_xywh, table.scores):
        digest.update(np.ascontiguousarray(column).tobytes())
    key = {
        "detections_sha256": digest.hexdigest(),
        "data_sha256": data.sha256,
        "classes": list(data.class_names),
        "resamples": RESAMPLES,
        "confidence": CONFIDENCE,
        "method": METHOD,
    }

    def build(folder: Path) -> Breakdown:
        return break_down(data.ground_truth, table, resamples=RESAMPLES, confidence=CONFIDENCE)

    kept, _ = store.produce("breakdown", key, build)
    settings = {"resamples": RESAMPLES, "confidence": CONFIDENCE}  # older artifacts have them only in their key
    parts = _in_order(msgspec.convert({**settings, **kept.facts}, Breakdown))
    scored = replace(scored, accuracy=msgspec.structs.replace(scored.accuracy, breakdown=parts))
    if not keep_low:
        return scored
    areas = {"all": AREA_RANGES["all"]}
    low = evaluate(data.ground_truth, table, iou_thresholds=LOW_IOU_THRESHOLDS, area_ranges=areas)
    return replace(scored, low=low)


def _in_order(parts: Breakdown) -> Breakdown:
    """The parts ordered from small to large, because a manifest sorts its keys."""
    return msgspec.structs.replace(
        parts,
        by_area={name: parts.by_area[name] for name in AREA_RANGES if name != "all"},
        by_count={name: parts.by_count[name] for name in COUNT_BINS},
    )
