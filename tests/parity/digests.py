"""Digests of what the scorer makes of inputs of whole numbers, which are the same on every processor.

    python -m tests.parity.digests > tests/parity/digests.json

Written on x86-64. Whoever runs test_digests.py on another processor learns whether it scores to the same last bit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from bench_freeze import Evaluator
from bench_freeze.evaluate.protocols import RECALL_THRESHOLDS, Protocol
from bench_freeze.kernels import ext
from bench_freeze.kernels.matching import bootstrap
from bench_freeze.kernels.nms_options import NmsOptions

IMAGES, CLASSES, ANCHORS = 12, 5, 700
OPTIONS = (
    NmsOptions(),
    NmsOptions(score_threshold=0.25, iou_threshold=0.45, multi_label=False),
    NmsOptions(class_agnostic=True, max_detections=30, max_candidates=100),
    NmsOptions(box_format="xyxy", iou_threshold=0.6),
)


def drawn_head(seed: int) -> NDArray[np.float32]:
    """[IMAGES, 4 + CLASSES, ANCHORS]: sixteenths of pixels, 4,096 levels of scores; exact in float16 too."""
    random = np.random.default_rng(seed)
    head = np.empty((IMAGES, 4 + CLASSES, ANCHORS), np.float32)
    head[:, :2] = random.integers(0, 1600, (IMAGES, 2, ANCHORS)) / 16
    head[:, 2:4] = random.integers(16, 1600, (IMAGES, 2, ANCHORS)) / 16
    head[:, 4:] = random.integers(0, 1 << 11, (IMAGES, CLASSES, ANCHORS)) / (1 << 11)
    return head


def drawn_truth(seed: int, head: NDArray[np.float32]) -> dict[str, object]:
    """COCO's form, with crowds. The annotation with id 0, on which two protocols differ, is the best box of `head`."""
    random = np.random.default_rng(seed)
    boxes = random.integers(1, 1600, (8 * IMAGES, 4)) / 16
    annotations: list[dict[str, object]] = [
        {
            "id": number,
            "image_id": number % IMAGES + 1,
            "category_id": int(random.integers(1, CLASSES + 1)),
            "bbox": box.tolist(),
            "area": float(box[2] * box[3]),
            "iscrowd": int(number % 11 == 5),
        }
        for number, box in enumerate(boxes)
    ]
    label, anchor = np.unravel_index(head[0, 4:].argmax(), head[0, 4:].shape)
    x, y, width, height = head[0, :4, anchor].tolist()
    annotations[0] |= {"category_id": int(label) + 1, "bbox": [x - width / 2, y - height / 2, width, height]}
    return {
        "images": [{"id": number + 1, "width": 640, "height": 640} for number in range(IMAGES)],
        "categories": [{"id": number + 1, "name": f"class {number}"} for number in range(CLASSES)],
        "annotations": annotations,
    }


def digest(arrays: Iterable[NDArray[np.generic]]) -> str:
    """Of types, shapes and bytes."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def digests() -> dict[str, str]:
    """By what was computed: suppression, every protocol's tensors, resampled AP, letterbox."""
    found = {}
    for dtype in (np.float32, np.float16):
        for number, options in enumerate(OPTIONS):
            kept = ext.nms(drawn_head(number).astype(dtype), options)
            name = f"suppression {number} {np.dtype(dtype).name}"
            found[name] = digest(getattr(kept, field.name) for field in dataclasses.fields(kept))
    for protocol in get_args(Protocol):
        evaluator = Evaluator(drawn_truth(5, drawn_head(6)), protocol)
        evaluator.update(range(1, IMAGES + 1), predictions=drawn_head(6))
        result = evaluator.result()
        stats = np.array(list(result.stats().values()), np.float64)
        found[f"evaluator {protocol}"] = digest((result.precision, result.recall, result.scores, stats))
        ap = bootstrap(
            result.truth, result.lattice, result.matches, recall_thresholds=RECALL_THRESHOLDS, max_detections=100,
            resamples=50, seed=7,
        )  # fmt: skip
        found[f"bootstrap {protocol}"] = digest((ap,))
    for number, (height, width, resized) in enumerate([(97, 101, (61, 64)), (31, 47, (42, 64)), (640, 13, (64, 1))]):
        pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
        canvas = np.empty((3, 64, 64), np.float32)
        place = ((64 - resized[0]) // 2, (64 - resized[1]) // 2)
        ext.letterbox(pixels, canvas, resized_hw=resized, top_left=place, fill=114)
        found[f"letterbox {height}x{width}"] = digest((canvas,))
    return found


if __name__ == "__main__":
    print(json.dumps(digests(), indent=1))
