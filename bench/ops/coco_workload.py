"""The size of val2017: 5,000 images, 80 classes, 37,749 boxes (465 of them crowds) and 512,282 detections, seeded.

Shared by the benchmarks of the evaluator. Ground truth is spread over images and classes as unevenly as COCO's;
detections are shifted copies of it and clutter, at most 100 an image and class, with scores of full float64 length
(an anchor that narrows scores to float32 would otherwise tie).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from bench_freeze.data.dataset import DetectionTable, GroundTruth

IMAGES, CLASSES, BOXES, CROWDS, DETECTIONS = 5_000, 80, 37_749, 465, 512_282


def make(seed: int = 0, *, detections: int = DETECTIONS) -> tuple[GroundTruth, DetectionTable]:
    """Ground truth in the order of its image, as an annotation tool writes it; detections best first in an image."""
    rng = np.random.default_rng(seed)
    share = rng.gamma(0.8, size=IMAGES)
    image = np.sort(rng.choice(IMAGES, BOXES, p=share / share.sum()))
    popularity = 1.0 / np.arange(1, CLASSES + 1)
    labels = rng.choice(CLASSES, BOXES, p=popularity / popularity.sum())
    width, height = rng.uniform(400, 640, IMAGES), rng.uniform(400, 640, IMAGES)
    size = np.minimum(rng.lognormal(np.log(60), 1.0, (BOXES, 2)), 390)
    corner = rng.random((BOXES, 2)) * (np.stack([width, height], axis=1)[image] - size)
    boxes = np.concatenate([corner, size], axis=1).round(2)
    is_crowd = np.zeros(BOXES, np.bool_)
    is_crowd[rng.choice(BOXES, CROWDS, replace=False)] = True
    truth = GroundTruth(
        image_ids=np.sort(rng.choice(600_000, IMAGES, replace=False)).astype(np.int64),
        category_ids=np.sort(rng.choice(np.arange(1, 91), CLASSES, replace=False)).astype(np.int64),
        class_names=tuple(f"class {k}" for k in range(CLASSES)),
        image_index=image.astype(np.int32),
        labels=labels.astype(np.int32),
        boxes_xywh=boxes,
        area=(boxes[:, 2] * boxes[:, 3] * rng.uniform(0.5, 1.0, BOXES)).round(4),
        is_crowd=is_crowd,
        annotation_ids=rng.permutation(BOXES).astype(np.int64) + 1,
    )
    return truth, _detect(rng, truth, detections)


def _detect(rng: np.random.Generator, truth: GroundTruth, count: int) -> DetectionTable:
    source = rng.integers(0, len(truth), count)
    image = np.where(rng.random(count) < 0.7, truth.image_index[source], rng.integers(0, IMAGES, count))
    labels = np.where(rng.random(count) < 0.6, truth.labels[source], rng.integers(0, CLASSES, count))
    spread = rng.choice([0.02, 0.1, 0.5], (count, 1))
    boxes = truth.boxes_xywh[source] + rng.normal(0, 1, (count, 4)) * spread * truth.boxes_xywh[source][:, [2, 3, 2, 3]]
    boxes[:, 2:] = np.abs(boxes[:, 2:]) + 1
    scores = 0.001 + 0.998 * rng.beta(0.4, 3.0, count) * np.where(spread[:, 0] < 0.3, 1.0, 0.6)
    order = np.lexsort((-scores, image))
    return DetectionTable(
        image[order].astype(np.int32), labels[order].astype(np.int32), boxes[order].round(3), scores[order]
    )


def as_dicts(truth: GroundTruth, found: DetectionTable) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Both tables in the form of COCO's files."""
    image_ids, category_ids = truth.image_ids.tolist(), truth.category_ids.tolist()
    columns = (truth.annotation_ids, truth.image_index, truth.labels, truth.boxes_xywh, truth.area, truth.is_crowd)
    instances = {
        "images": [{"id": i, "file_name": f"{i:012d}.jpg", "width": 640, "height": 640} for i in image_ids],
        "categories": [{"id": i, "name": name} for i, name in zip(category_ids, truth.class_names, strict=True)],
        "annotations": [
            {
                "id": number,
                "image_id": image_ids[image],
                "category_id": category_ids[label],
                "bbox": box,
                "area": area,
                "iscrowd": int(crowd),
            }
            for number, image, label, box, area, crowd in zip(*(c.tolist() for c in columns), strict=True)
        ],
    }
    rows = (found.image_index, found.labels, found.boxes_xywh, found.scores)
    results = [
        {"image_id": image_ids[image], "category_id": category_ids[label], "bbox": box, "score": score}
        for image, label, box, score in zip(*(c.tolist() for c in rows), strict=True)
    ]
    return instances, results


def write(folder: Path, truth: GroundTruth, found: DetectionTable) -> tuple[Path, Path]:
    """The two files, written into `folder`."""
    paths = folder / "instances.json", folder / "results.json"
    for path, content in zip(paths, as_dicts(truth, found), strict=True):
        path.write_text(json.dumps(content))
    return paths
