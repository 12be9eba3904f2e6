"""Ground truth and detections of any size, made batch by batch, so that a workload of 30 million boxes is never held.

Sizes of boxes, jitter and scores are those of bench/ops/coco_workload.py; images have as many boxes as COCO's. A
batch is drawn from its first image and the seed alone: every contender gets the same detections.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench_freeze.data.dataset import GroundTruth

SIDE = 640.0  # pixels of an image
BLOCK = 64  # images that are drawn together


@dataclass(frozen=True)
class Size:
    """What there is of everything."""

    images: int
    per_image: int  # detections
    classes: int
    boxes: float = 7.3  # of ground truth, an image on average: those of COCO's train2017
    text_ids: bool = False  # image ids are text


@dataclass(frozen=True)
class Batch:
    """Detections of B consecutive images, D each, best first."""

    first: int  # position of the first image
    boxes_xyxy: NDArray[np.float64]  # [B, D, 4]
    scores: NDArray[np.float64]  # [B, D]
    labels: NDArray[np.int32]  # [B, D]


def truth_of(size: Size, seed: int = 0) -> GroundTruth:
    """Ground truth in the order of its images; image ids ascend with gaps, class popularity falls as 1 / rank."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(size.boxes, size.images)
    image = np.repeat(np.arange(size.images, dtype=np.int32), count)
    rows = len(image)
    popularity = 1.0 / np.arange(1, size.classes + 1)
    sides = np.minimum(rng.lognormal(np.log(60), 1.0, (rows, 2)), 390)
    corner = rng.random((rows, 2)) * (SIDE - sides)
    boxes = np.concatenate([corner, sides], axis=1).round(2)
    return GroundTruth(
        image_ids=np.arange(size.images, dtype=np.int64) * 3 + 7 if not size.text_ids else np.arange(size.images),
        category_ids=np.arange(1, size.classes + 1, dtype=np.int64),
        class_names=tuple(f"class {k}" for k in range(size.classes)),
        image_index=image,
        labels=rng.choice(size.classes, rows, p=popularity / popularity.sum()).astype(np.int32),
        boxes_xywh=boxes,
        area=(boxes[:, 2] * boxes[:, 3] * rng.uniform(0.5, 1.0, rows)).round(4),
        is_crowd=rng.random(rows) < 0.012,
        annotation_ids=np.arange(1, rows + 1, dtype=np.int64),
        image_keys=tuple(f"{i:012d}.jpg" for i in range(size.images)) if size.text_ids else None,
    )


def batches(truth: GroundTruth, size: Size, seed: int = 0) -> Iterator[Batch]:
    """The detections of all images, BLOCK images at a time: shifted ground truth of the image and clutter."""
    begin = np.searchsorted(truth.image_index, np.arange(size.images + 1))
    for first in range(0, size.images, BLOCK):
        last = min(first + BLOCK, size.images)
        yield _batch(truth, begin, first, last, size, np.random.default_rng((seed, first)))


def _batch(
    truth: GroundTruth, begin: NDArray[np.intp], first: int, last: int, size: Size, rng: np.random.Generator
) -> Batch:
    shape = (last - first, size.per_image)
    have = (begin[first + 1 : last + 1] - begin[first:last])[:, None]
    own = (begin[first:last, None] + (rng.random(shape) * have).astype(np.int64)).clip(max=max(len(truth) - 1, 0))
    is_own = (rng.random(shape) < 0.7) & (have > 0)
    source = np.where(is_own, own, rng.integers(0, len(truth), shape))
    labels = np.where(rng.random(shape) < 0.6, truth.labels[source], rng.integers(0, size.classes, shape))
    spread = rng.choice([0.02, 0.1, 0.5], shape)
    boxes = truth.boxes_xywh[source]
    boxes = boxes + rng.normal(0, 1, (*shape, 4)) * spread[..., None] * boxes[..., [2, 3, 2, 3]]
    boxes[..., 2:] = boxes[..., :2] + np.abs(boxes[..., 2:]) + 1
    scores = 0.001 + 0.998 * rng.beta(0.4, 3.0, shape) * np.where(spread < 0.3, 1.0, 0.6)
    order = np.argsort(-scores, axis=1, kind="stable")
    return Batch(
        first,
        np.take_along_axis(boxes, order[..., None], axis=1).round(3),
        np.take_along_axis(scores, order, axis=1),
        np.take_along_axis(labels, order, axis=1).astype(np.int32),
    )
