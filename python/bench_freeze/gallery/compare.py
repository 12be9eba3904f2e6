"""Detections of one image against its annotations, and against those of another model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.classes import ClassMap
from ..data.dataset import DetectionSet, DetectionTable
from ..deployment.accuracy import as_table
from ..deployment.pipeline import HeadDetections
from ..evaluate import Evaluator

SCORE_THRESHOLD = 0.25  # for drawing; at the scoring threshold, boxes would cover every image
IOU_THRESHOLD = 0.5


@dataclass(frozen=True)
class ImageBoxes:
    """Boxes of one image: `labels` [N], `boxes_xywh` [N, 4], and scores [N] of detections."""

    labels: NDArray[np.int32]
    boxes_xywh: NDArray[np.float64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)

    def only(self, rows: NDArray[np.intp]) -> ImageBoxes:
        """Some of the boxes."""
        return ImageBoxes(self.labels[rows], self.boxes_xywh[rows], self.scores[rows])


def f1_by_image(detections: HeadDetections, classes: ClassMap, data: DetectionSet) -> NDArray[np.float64]:
    """[I] F1 of every image at SCORE_THRESHOLD and IOU_THRESHOLD, matched by the scorer; NaN without any box."""
    table = as_table(detections, classes)
    shown = table.scores >= SCORE_THRESHOLD
    table = DetectionTable(table.image_index[shown], table.labels[shown], table.boxes_xywh[shown], table.scores[shown])
    evaluator = Evaluator(data.ground_truth, "coco", [IOU_THRESHOLD], {"all": (0.0, 1e10)}, [100])
    evaluator.update_table(table)
    matches = evaluator.result().matches
    image = np.repeat(np.arange(len(data.images)), np.diff(matches.begin))
    hit = (matches.masks[0].true_positive[:, 0] & 1).astype(bool)
    counted = ~(matches.masks[0].ignored[:, 0] & 1).astype(bool)
    size = len(data.images)
    hits = np.bincount(image[hit & counted], minlength=size)
    found = np.bincount(image[counted], minlength=size)
    truth = np.bincount(data.ground_truth.image_index[~data.ground_truth.is_crowd], minlength=size)
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * hits / (found + truth), dtype=np.float64)


def detections_on(detections: HeadDetections, image: int) -> ImageBoxes:
    """A head's detections to draw on an image, with the head's own classes, best first."""
    begin, end = np.searchsorted(detections.image_index, [image, image + 1])
    rows = np.arange(begin, end)[detections.scores[begin:end] >= SCORE_THRESHOLD]
    boxes = detections.boxes_xyxy[rows]
    boxes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    return ImageBoxes(detections.labels[rows], boxes, detections.scores[rows].astype(np.float64))


def annotations_on(data: DetectionSet, image: int) -> tuple[ImageBoxes, NDArray[np.bool_]]:
    """The annotations of an image, and which of them are crowd regions."""
    truth = data.ground_truth
    rows = np.flatnonzero(truth.image_index == image)
    return ImageBoxes(truth.labels[rows], truth.boxes_xywh[rows], np.ones(len(rows))), truth.is_crowd[rows]


def pair(detections: ImageBoxes, truth: ImageBoxes) -> NDArray[np.int64]:
    """[N] the annotation of each detection, or -1: by descending score, same class, each annotation at most once."""
    pairs = np.full(len(detections), -1, dtype=np.int64)
    overlap = iou(detections.boxes_xywh, truth.boxes_xywh)
    overlap[detections.labels[:, None] != truth.labels[None, :]] = 0.0
    for i in np.argsort(-detections.scores, kind="stable"):
        if len(truth) and overlap[i].max() >= IOU_THRESHOLD:
            pairs[i] = overlap[i].argmax()
            overlap[:, pairs[i]] = 0.0
    return pairs


def in_crowd(detections: ImageBoxes, crowds: ImageBoxes) -> NDArray[np.bool_]:
    """[N] whether a detection lies in a crowd region of its class, by COCO's overlap over the detection's area.

    Such a detection counts as neither hit nor false, unless it has an annotation.
    """
    inside = overlap_area(detections.boxes_xywh, crowds.boxes_xywh) >= (
        IOU_THRESHOLD * detections.boxes_xywh[:, 2:].prod(axis=1)[:, None]
    )
    return np.asarray((inside & (detections.labels[:, None] == crowds.labels[None, :])).any(axis=1))


def differences(a: ImageBoxes, b: ImageBoxes) -> int:
    """The number of boxes on either side without a counterpart on the other."""
    common = int((pair(a, b) >= 0).sum())
    return len(a) + len(b) - 2 * common


def iou(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, M] intersection over union of boxes (left, top, width, height)."""
    inter = overlap_area(a, b)
    union = a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1)[None, :] - inter
    return np.asarray(inter / np.maximum(union, 1e-9), dtype=np.float64)


def overlap_area(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, M] area of the intersection of each pair of boxes."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2), dtype=np.float64)
