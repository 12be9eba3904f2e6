"""A population of images for bench/accuracy_coverage.py, made from the match data of real models on real images.

A new image takes its classes from one real image, and every second class from another one: boxes and detections of one
class on one image stay together, with their matches. The scores of each such group are shifted by one normal number
(on the logit), so that no curve occurs twice. The numbers of 20,000 such images count as those of the population.
bench_freeze's own resampling is not used here.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench_freeze import Evaluator
from bench_freeze.evaluate.evaluation import Evaluation
from bench_freeze.evaluate.join import Found
from bench_freeze.kernels.matching import Masks, Matches, TruthIndex

SHIFT = 0.5  # standard deviation of a group's shift on the logits, equal for both models
OWN_SHIFT = 0.2  # and of each model's own shift in addition
LEAST_SCORE = 0.01
IMAGE_SIZE = 320

Pair = tuple[Evaluation, Evaluation]


def real_pair(data: Path, kept: Path | None) -> Pair:
    """YOLOv8n and YOLO11n evaluated on the 206 images; `kept` is a file that holds their detections for later calls."""
    annotations = data / "coco206" / "annotations" / "instances_val2017.json"
    if kept is not None and kept.exists():
        rows = json.loads(kept.read_text())
    else:
        rows = {name: _detections(data, annotations, name) for name in ("yolov8n_coco", "yolo11n_coco")}
        if kept is not None:
            kept.write_text(json.dumps(rows))
    return tuple(_evaluated(annotations, found) for found in rows.values())  # type: ignore[return-value]


def _detections(data: Path, annotations: Path, name: str) -> list[list[float]]:
    from ultralytics import YOLO

    model = YOLO(data / "weights" / f"{name}.pt")
    described = json.loads(annotations.read_text())
    categories = sorted(entry["id"] for entry in described["categories"])
    rows = []
    for image in described["images"]:
        file = str(data / "coco206" / "images" / image["file_name"])
        boxes = model.predict(file, imgsz=IMAGE_SIZE, conf=LEAST_SCORE, iou=0.7, max_det=100, verbose=False)[0].boxes
        for (x1, y1, x2, y2), score, label in zip(boxes.xyxy, boxes.conf, boxes.cls, strict=True):
            row = [image["id"], categories[int(label)], x1, y1, x2 - x1, y2 - y1, score]
            rows.append([float(value) for value in row])
    return rows


def _evaluated(annotations: Path, rows: list[list[float]]) -> Evaluation:
    evaluator = Evaluator(str(annotations))
    table = np.array(rows)
    categories = sorted(entry["id"] for entry in json.loads(annotations.read_text())["categories"])
    for image in np.unique(table[:, 0]).astype(int).tolist():
        own = table[table[:, 0] == image]
        corners = np.concatenate([own[:, 2:4], own[:, 2:4] + own[:, 4:6]], axis=1)
        evaluator.update([image], detections=[(corners, own[:, 6], np.searchsorted(categories, own[:, 1]))])
    return evaluator.result()


class Population:
    """Where sets of images are drawn from."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        truth = pair[0].truth
        self.images, self.classes = len(truth.begin) - 1, truth.classes
        self._truth = _spans_by_class(truth.begin, truth.label, self.classes)
        self._found = [_spans_by_class(e.matches.begin, e.matches.label, self.classes) for e in pair]

    def draw(self, generator: np.random.Generator, n: int, *, is_null: bool = False) -> Pair:
        """Two models on n new images; with `is_null`, they exchange their results for an image by a fair coin."""
        base = generator.integers(0, self.images, (n, 1))
        other = generator.integers(0, self.images, (n, self.classes))
        source = np.where(generator.random((n, self.classes)) < 0.5, base, other)
        shift = generator.normal(0, SHIFT, source.shape)
        coin = generator.random(n) < 0.5 if is_null else np.zeros(n, np.bool_)
        truth = self._drawn_truth(source)
        a, b = (self._drawn(k, source, shift + generator.normal(0, OWN_SHIFT, source.shape), truth) for k in range(2))
        return (_mixed(a, b, coin), _mixed(a, b, ~coin)) if is_null else (a, b)

    def _drawn_truth(self, source: NDArray[np.int64]) -> TruthIndex:
        truth = self._pair[0].truth
        rows, begin, _ = _take(self._truth, source)
        columns = {name: getattr(truth, name)[rows] for name in ("label", "boxes_xywh", "area", "is_crowd", "is_void")}
        return TruthIndex(truth.classes, begin, **columns)

    def _drawn(self, side: int, source: NDArray[np.int64], shift: NDArray[np.float64], truth: TruthIndex) -> Evaluation:
        whole = self._pair[side]
        rows, begin, sizes = _take(self._found[side], source)
        logits = np.log(whole.matches.scores[rows] / (1 - whole.matches.scores[rows]))
        scores = 1 / (1 + np.exp(-logits - np.repeat(shift.reshape(-1), sizes)))
        masks = tuple(Masks(pair.true_positive[rows], pair.ignored[rows]) for pair in whole.matches.masks)
        matches = Matches(begin, whole.matches.label[rows], scores, masks)
        return replace(whole, truth=truth, found=Found.whole(matches, whole.lattice))


Spans = tuple[NDArray[np.int64], NDArray[np.int64]]


def _spans_by_class(begin: NDArray[np.int64], label: NDArray[np.int32], classes: int) -> Spans:
    """First row and number of rows of each class on each image, both [I, K]; an image's rows are sorted by class."""
    image = np.repeat(np.arange(len(begin) - 1), np.diff(begin))
    counts = np.bincount(image * classes + label, minlength=(len(begin) - 1) * classes).reshape(-1, classes)
    assert np.all(np.diff(image * classes + label) >= 0), "rows lie by image and class"
    return np.cumsum(counts.reshape(-1)).reshape(counts.shape) - counts, counts


def _take(spans: Spans, source: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the groups (source[i, k], k), where each image begins, and the sizes of the groups."""
    labels = np.arange(source.shape[1])
    starts, sizes = (part[source, labels].reshape(-1) for part in spans)
    ends = np.cumsum(sizes)
    rows = np.repeat(starts - (ends - sizes), sizes) + np.arange(int(ends[-1]))
    return rows, np.concatenate([[0], ends[source.shape[1] - 1 :: source.shape[1]]]).astype(np.int64), sizes


def _mixed(first: Evaluation, second: Evaluation, takes_second: NDArray[np.bool_]) -> Evaluation:
    """One evaluation that takes each image from the first or the second."""
    sides = first.matches, second.matches
    offset = len(sides[0].label)
    starts = np.where(takes_second, sides[1].begin[:-1] + offset, sides[0].begin[:-1])
    sizes = np.where(takes_second, np.diff(sides[1].begin), np.diff(sides[0].begin))
    ends = np.cumsum(sizes)
    rows = np.repeat(starts - (ends - sizes), sizes) + np.arange(int(ends[-1]))

    def joined(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(np.concatenate([a, b])[rows])

    masks = tuple(
        Masks(joined(a.true_positive, b.true_positive), joined(a.ignored, b.ignored))
        for a, b in zip(sides[0].masks, sides[1].masks, strict=True)
    )
    label, scores = joined(sides[0].label, sides[1].label), joined(sides[0].scores, sides[1].scores)
    matches = Matches(np.concatenate([[0], ends]).astype(np.int64), label, scores, masks)
    return replace(first, found=Found.whole(matches, first.lattice))
