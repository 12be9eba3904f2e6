"""One evaluation of a workload by ours or by a peer: its seconds and its twelve numbers.

Ours streams: a batch is drawn, added and forgotten, and only adding and the result are timed. Peers of pycocotools'
interface take all detections at once, so theirs are gathered first, untimed; `evaluate` and `accumulate` are timed,
`loadRes` is not.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench_freeze import Evaluator
from bench_freeze.data.dataset import GroundTruth

from .workload import BLOCK, Size, batches, truth_of

OURS = "bench-freeze"
PEERS = {  # package name: module with COCO and COCOeval, names of the two
    "pycocotools": (("pycocotools.coco", "COCO"), ("pycocotools.cocoeval", "COCOeval")),
    "faster-coco-eval": (("faster_coco_eval", "COCO"), ("faster_coco_eval", "COCOeval_faster")),
    "hotcoco": (("hotcoco", "COCO"), ("hotcoco", "COCOeval")),
    "ultrafast-pycocotools": (("ultrafast_pycocotools", "COCO"), ("ultrafast_pycocotools", "COCOeval")),
}


@dataclass
class Stopwatch:
    """Wall and processor seconds, of the parts that count."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Count what happens inside; `parts` has its processor seconds by name."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        used = time.process_time() - cpu
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += used
        self.parts[part] = self.parts.get(part, 0.0) + used


def evaluate_ours(size: Size, watch: Stopwatch, *, together: int = BLOCK, shuffled: bool = False) -> list[float]:
    """`together` images an update, in ascending order or shuffled by blocks; the twelve numbers."""
    truth = truth_of(size)
    ids = truth.image_ids if truth.image_keys is None else np.array(truth.image_keys)
    with watch.of("construct"):
        evaluator = Evaluator(truth)
    source = batches(truth, size)
    for batch in _scattered(source) if shuffled else source:
        for at in range(0, len(batch.scores), together):
            part = slice(at, at + together)
            count = np.full(len(batch.scores[part]), size.per_image)
            names = ids[batch.first + at : batch.first + at + len(count)].tolist()
            with watch.of("update"):
                evaluator.update(
                    names, detections=(count, batch.boxes_xyxy[part], batch.scores[part], batch.labels[part])
                )
    with watch.of("result"):
        return list(evaluator.result().stats().values())


def _scattered(source: Iterator[Any]) -> Iterator[Any]:
    """Every second block first held back: images out of order, without holding more than a few blocks."""
    held: list[Any] = []
    for batch in source:
        held.append(batch)
        if len(held) == 8:
            yield from reversed(held)
            held.clear()
    yield from reversed(held)


def evaluate_peer(package: str, size: Size, watch: Stopwatch) -> list[float]:
    """The same workload by a package of pycocotools' interface."""
    coco, coco_eval = (_imported(*name) for name in PEERS[package])
    truth = truth_of(size)
    rows = np.concatenate([_rows(batch, truth) for batch in batches(truth, size)])
    with contextlib.redirect_stdout(io.StringIO()):
        known = coco()
        known.dataset = _instances(truth)
        known.createIndex()
        evaluator = coco_eval(known, known.loadRes(rows), "bbox")
        with watch.of("evaluate"):
            evaluator.evaluate()
        with watch.of("accumulate"):
            evaluator.accumulate()
        evaluator.summarize()
    return [float(value) for value in evaluator.stats[:12]]


def _imported(module: str, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _rows(batch: Any, truth: GroundTruth) -> Any:
    """[n, 7] as `loadRes` takes them: image, left, top, width, height, score, category."""
    each = batch.scores.shape[1]
    boxes = batch.boxes_xyxy.reshape(-1, 4)
    image = np.repeat(truth.image_ids[batch.first : batch.first + len(batch.scores)], each)
    columns = (
        image,
        boxes[:, :2],
        boxes[:, 2:] - boxes[:, :2],
        batch.scores.reshape(-1),
        truth.category_ids[batch.labels.reshape(-1)],
    )
    return np.column_stack(columns).astype(np.float64)


def _instances(truth: GroundTruth) -> dict[str, Any]:
    columns = (truth.annotation_ids, truth.image_ids[truth.image_index], truth.category_ids[truth.labels],
               truth.boxes_xywh, truth.area, truth.is_crowd)  # fmt: skip
    names = ("id", "image_id", "category_id", "bbox", "area", "iscrowd")
    return {
        "images": [{"id": i, "width": 640, "height": 640} for i in truth.image_ids.tolist()],
        "categories": [{"id": i, "name": str(i)} for i in truth.category_ids.tolist()],
        "annotations": [
            dict(zip(names, (*values[:5], int(values[5])), strict=True))
            for values in zip(*(column.tolist() for column in columns), strict=True)
        ],
    }
