"""NMS written for clarity: one image, one candidate, one comparison at a time, in float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = np.float32


@dataclass(frozen=True)
class ReferenceDetection:
    score: np.float32
    label: int
    anchor: int
    box: tuple[np.float32, np.float32, np.float32, np.float32]


@dataclass(frozen=True)
class ReferenceResult:
    detections: list[ReferenceDetection]
    dropped_candidates: int
    dropped_detections: int


def reference_nms(
    prediction: NDArray[np.floating],  # [4 + C, A]
    *,
    score_threshold: float = 0.001,
    iou_threshold: float = 0.7,
    max_detections: int = 300,
    max_candidates: int = 30_000,
    multi_label: bool = True,
    class_agnostic: bool = False,
    box_format: str = "cxcywh",
) -> ReferenceResult:
    candidates = find_candidates(prediction.astype(Float), Float(score_threshold), multi_label, box_format)
    candidates.sort(key=lambda c: (-c.score, c.label, c.anchor))
    used = candidates[:max_candidates]
    kept: list[ReferenceDetection] = []
    for candidate in used:
        rivals = [k for k in kept if class_agnostic or k.label == candidate.label]
        if not any(iou(rival.box, candidate.box) > Float(iou_threshold) for rival in rivals):
            kept.append(candidate)
    return ReferenceResult(
        detections=kept[:max_detections],
        dropped_candidates=len(candidates) - len(used),
        dropped_detections=max(0, len(kept) - max_detections),
    )


def find_candidates(
    prediction: NDArray[np.float32], score_threshold: np.float32, multi_label: bool, box_format: str
) -> list[ReferenceDetection]:
    candidates = []
    for anchor in range(prediction.shape[1]):
        scores = prediction[4:, anchor]
        labels = range(len(scores)) if multi_label else [int(np.argmax(scores))]
        box = corners(prediction[:4, anchor], box_format)
        candidates += [
            ReferenceDetection(scores[label], label, anchor, box) for label in labels if scores[label] > score_threshold
        ]
    return candidates


def corners(values: NDArray[np.float32], box_format: str) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    first, second, third, fourth = values
    if box_format == "xyxy":
        return first, second, third, fourth
    two = Float(2)
    return first - third / two, second - fourth / two, first + third / two, second + fourth / two


def iou(a: tuple[np.float32, ...], b: tuple[np.float32, ...]) -> np.float32:
    width = max(min(a[2], b[2]) - max(a[0], b[0]), Float(0))
    height = max(min(a[3], b[3]) - max(a[1], b[1]), Float(0))
    intersection = width * height
    area_a = (a[2] - a[0]) * (a[3] - a[1])
    area_b = (b[2] - b[0]) * (b[3] - b[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        return Float(intersection / (area_a + area_b - intersection))
