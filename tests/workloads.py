"""Workloads for comparing evaluators: seeded ground truth and detections, each prone to one kind of disagreement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench_freeze.data.dataset import DetectionTable, GroundTruth


@dataclass(frozen=True)
class Workload:
    truth: GroundTruth
    detections: DetectionTable


def make_workload(
    *,
    images: int,
    classes: int,
    truth_rows: int,
    rows: int,
    seed: int,
    lattice: bool = False,
    score_levels: int | None = None,
    crowd_share: float = 0.1,
    size: float = 60.0,
    zero_id: bool = False,
) -> Workload:
    """Detections are shifted copies of ground truth, half of them with its class.

    `lattice` keeps boxes on whole pixels of a small grid, so that IoUs fall on the thresholds; `score_levels` makes
    scores tie; `zero_id` numbers annotations from 0.
    """
    rng = np.random.default_rng(seed)
    truth_boxes = _boxes(rng, truth_rows, lattice, size)
    truth_image = rng.integers(0, images, truth_rows)
    truth_labels = rng.integers(0, classes, truth_rows)
    boxes = _boxes(rng, rows, lattice, size)
    image = rng.integers(0, images, rows)
    labels = rng.integers(0, classes, rows)
    if truth_rows:
        source = rng.integers(0, truth_rows, rows)
        is_copy = rng.random(rows) < 0.8
        shift = rng.integers(-1, 2, (rows, 4)) if lattice else rng.normal(0, 0.06 * size, (rows, 4))
        copies = truth_boxes[source] + shift * rng.integers(0, 2, (rows, 1))
        copies[:, 2:] = np.abs(copies[:, 2:])
        boxes = np.where(is_copy[:, None], copies, boxes)
        image = np.where(is_copy, truth_image[source], image)
        labels = np.where(rng.random(rows) < 0.5, truth_labels[source], labels)
    scores = rng.random(rows)
    if score_levels:
        scores = np.floor(scores * score_levels) / score_levels
    area = truth_boxes[:, 2] * truth_boxes[:, 3] * rng.choice([1.0, 0.7], truth_rows)
    return Workload(
        truth_table(
            images, classes, truth_image, truth_labels, truth_boxes, area,
            rng.random(truth_rows) < crowd_share, rng.permutation(truth_rows) + (0 if zero_id else 1),
        ),
        detection_table(image, labels, boxes, scores),
    )  # fmt: skip


def _boxes(rng: np.random.Generator, rows: int, lattice: bool, size: float) -> NDArray[np.float64]:
    if lattice:
        return np.concatenate([rng.integers(0, 6, (rows, 2)), rng.integers(1, 11, (rows, 2))], axis=1).astype(float)
    return np.concatenate([rng.uniform(0, 300, (rows, 2)), rng.lognormal(np.log(size), 0.8, (rows, 2))], axis=1)


def truth_table(
    images: int, classes: int, image: Any, labels: Any, boxes: Any, area: Any, is_crowd: Any, ids: Any
) -> GroundTruth:
    """Ground truth whose image and category ids have gaps."""
    return GroundTruth(
        image_ids=3 * np.arange(images, dtype=np.int64) + 11,
        category_ids=2 * np.arange(classes, dtype=np.int64) + 1,
        class_names=tuple(f"class {k}" for k in range(classes)),
        image_index=np.asarray(image, np.int32).reshape(-1),
        labels=np.asarray(labels, np.int32).reshape(-1),
        boxes_xywh=np.asarray(boxes, np.float64).reshape(-1, 4),
        area=np.asarray(area, np.float64).reshape(-1),
        is_crowd=np.asarray(is_crowd, np.bool_).reshape(-1),
        annotation_ids=np.asarray(ids, np.int64).reshape(-1),
    )


def detection_table(image: Any, labels: Any, boxes: Any, scores: Any) -> DetectionTable:
    return DetectionTable(
        image_index=np.asarray(image, np.int32).reshape(-1),
        labels=np.asarray(labels, np.int32).reshape(-1),
        boxes_xywh=np.asarray(boxes, np.float64).reshape(-1, 4),
        scores=np.asarray(scores, np.float64).reshape(-1),
    )
