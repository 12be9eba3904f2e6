"""Curves and the confusion matrix of a head, as Ultralytics shows them, from one evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import DetectionTable, GroundTruth
from .evaluation import Evaluation

IOU_THRESHOLD = 0.5
SCORES: NDArray[np.float64] = np.arange(101) / 100
CONFUSION_SCORE = 0.25  # Ultralytics' defaults
CONFUSION_IOU = 0.45
BACKGROUND = -1


@dataclass(frozen=True)
class Curves:
    """Means over classes with ground truth, at IoU_THRESHOLD."""

    precision: NDArray[np.float64]  # [101] at recall 0, 0.01 ... 1
    f1: NDArray[np.float64]  # [101] with the detections that score at least SCORES


def head_curves(evaluation: Evaluation) -> Curves | None:
    """The curves of an evaluation by the COCO protocol; None without ground truth or without that IoU threshold."""
    at = np.flatnonzero(np.abs(evaluation.iou_thresholds - IOU_THRESHOLD) < 1e-6)
    truths = evaluation.ground_truth_count
    has_truth = truths > 0
    if not len(at) or not has_truth.any():
        return None
    precision = evaluation.precision[at[0], :, has_truth, 0, -1].mean(axis=0)
    hits, false = _counts(evaluation, int(at[0]))
    f1 = 2 * hits / np.maximum(hits + false + truths[:, None], 1)
    return Curves(np.clip(precision, 0, 1), f1[has_truth].mean(axis=0))


def _counts(evaluation: Evaluation, threshold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """[K, 101] true and false positives of each class with a score of at least SCORES."""
    matches, lattice = evaluation.matches, evaluation.lattice
    part = next(k for k, part in enumerate(lattice.parts()) if part.start <= threshold < part.stop)
    lane = threshold - lattice.parts()[part].start  # in the first area range, which is "all"

    def bit(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
        return np.asarray(mask[:, lane // 8] >> (lane % 8) & 1, np.bool_)

    hit, ignored = bit(matches.masks[part].true_positive), bit(matches.masks[part].ignored)
    # The highest of SCORES that keeps the detection; all lower ones keep it too.
    highest = np.searchsorted(SCORES, matches.scores, side="right") - 1
    inside = highest >= 0

    def counted(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        kept = rows & inside
        cells = matches.label[kept].astype(np.int64) * len(SCORES) + highest[kept]
        size = evaluation.truth.classes * len(SCORES)
        table = np.bincount(cells, minlength=size).reshape(-1, len(SCORES))
        return np.asarray(table[:, ::-1].cumsum(axis=1)[:, ::-1])

    return counted(hit & ~ignored), counted(~hit & ~ignored)


def confusion(truth: GroundTruth, found: DetectionTable) -> NDArray[np.int64]:
    """[K + 1, K + 1] counts by annotated class and detected class; the last row and column are the background.

    Ultralytics' rule: each detection with a score above CONFUSION_SCORE, best first, takes the free box of any class
    with the highest IoU above CONFUSION_IOU. Crowd regions are not boxes; a detection without a box is not counted if
    it lies in a crowd region of its class.
    """
    background = len(truth.category_ids)
    counts = np.zeros((background + 1, background + 1), np.int64)
    rows = np.flatnonzero(found.scores > CONFUSION_SCORE)
    rows = rows[np.lexsort((-found.scores[rows], found.image_index[rows]))]
    images = len(truth.image_ids)
    order = np.argsort(truth.image_index, kind="stable")
    truth_begin = np.searchsorted(truth.image_index[order], np.arange(images + 1))
    found_begin = np.searchsorted(found.image_index[rows], np.arange(images + 1))
    for image in range(images):
        every = order[truth_begin[image] : truth_begin[image + 1]]
        own, crowds = every[~truth.is_crowd[every]], every[truth.is_crowd[every]]
        seen = rows[found_begin[image] : found_begin[image + 1]]
        overlap = _overlap(truth.boxes_xywh[own], found.boxes_xywh[seen])
        areas = truth.boxes_xywh[own, 2:].prod(axis=1)[:, None] + found.boxes_xywh[seen, 2:].prod(axis=1)[None, :]
        iou = overlap / np.maximum(areas - overlap, 1e-9)
        partner = np.full(len(own), BACKGROUND)
        taken = np.zeros(len(seen), np.bool_)
        for k in range(len(seen)):
            if len(own) and iou[:, k].max() > CONFUSION_IOU:
                box = int(iou[:, k].argmax())
                partner[box], taken[k] = k, True
                iou[box] = 0
        labels = found.labels[seen]
        detected = np.where(partner >= 0, labels[partner], background) if len(seen) else np.full(len(own), background)
        np.add.at(counts, (truth.labels[own], detected), 1)
        inside = _overlap(truth.boxes_xywh[crowds], found.boxes_xywh[seen]) > CONFUSION_IOU * found.boxes_xywh[
            seen, 2:
        ].prod(axis=1)
        inside &= truth.labels[crowds][:, None] == labels[None, :]
        false = ~taken & ~inside.any(axis=0)
        np.add.at(counts, (background, labels[false]), 1)
    return counts


def _overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, M] area of the intersection of each pair of boxes (left, top, width, height)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2), dtype=np.float64)
