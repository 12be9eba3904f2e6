"""VOC AP against the published example of another tool: its boxes, its two numbers.

R. Padilla et al., Object-Detection-Metrics (https://github.com/rafaelpadilla/Object-Detection-Metrics, sample_2 and
README): 7 images, 15 objects of one class, 24 detections, IoU 0.3. AP is 24.56 % of every point, 26.84 % of 11.
"""

from __future__ import annotations

import numpy as np
import pytest

from bench_freeze import Evaluator
from bench_freeze.evaluate.evaluation import Evaluation
from bench_freeze.evaluate.protocols import Protocol

# Left, top, width and height of the objects of each image.
OBJECTS = [
    [(25, 16, 38, 56), (129, 123, 41, 62)],
    [(123, 11, 43, 55), (38, 132, 59, 45)],
    [(16, 14, 35, 48), (123, 30, 49, 44), (99, 139, 47, 47)],
    [(53, 42, 40, 52), (154, 43, 31, 34)],
    [(59, 31, 44, 51), (48, 128, 34, 52)],
    [(36, 89, 52, 76), (62, 58, 44, 67)],
    [(28, 31, 55, 63), (58, 67, 50, 58)],
]
# Score, then the same, of the detections of each image.
DETECTIONS = [
    [(0.88, 5, 67, 31, 48), (0.70, 119, 111, 40, 67), (0.80, 124, 9, 49, 67)],
    [(0.71, 64, 111, 64, 58), (0.54, 26, 140, 60, 47), (0.74, 19, 18, 43, 35)],
    [
        (0.18, 109, 15, 77, 39), (0.67, 86, 63, 46, 45), (0.38, 160, 62, 36, 53), (0.91, 105, 131, 47, 47),
        (0.44, 18, 148, 40, 44),
    ],
    [(0.35, 83, 28, 28, 26), (0.78, 28, 68, 42, 67), (0.45, 87, 89, 25, 39), (0.14, 10, 155, 60, 26)],
    [(0.62, 50, 38, 28, 46), (0.44, 95, 11, 53, 28), (0.95, 29, 131, 72, 29), (0.23, 29, 163, 72, 29)],
    [(0.45, 43, 48, 74, 38), (0.84, 17, 155, 29, 35), (0.43, 95, 110, 25, 42)],
    [(0.48, 16, 20, 101, 88), (0.95, 33, 116, 37, 49)],
]  # fmt: skip
PUBLISHED = {"voc-all": 0.2456, "voc-11": 0.2684}  # the first is cut off after its fourth digit, 0.245686
INCLUSIVE = 1  # the tool counts the last pixel of a box as well, as VOC does


def scored(protocol: Protocol, more: int) -> Evaluation:
    """The example at IoU 0.3 and 0.5, its boxes wider and higher by `more`."""
    boxes = [(image, (x, y, w + more, h + more)) for image, own in enumerate(OBJECTS) for x, y, w, h in own]
    truth = {
        "images": [{"id": image} for image in range(len(OBJECTS))],
        "categories": [{"id": 1, "name": "object"}],
        "annotations": [
            {"id": k, "image_id": image, "category_id": 1, "bbox": list(box), "area": box[2] * box[3]}
            for k, (image, box) in enumerate(boxes, start=1)
        ],
    }
    found = [
        {"image_id": image, "category_id": 1, "score": score, "bbox": [x, y, w + more, h + more]}
        for image, own in enumerate(DETECTIONS)
        for score, x, y, w, h in own
    ]
    assert (len(boxes), len(found)) == (15, 24)
    evaluator = Evaluator(truth, protocol, iou_thresholds=[0.3, 0.5])
    evaluator.update(detections=found)
    return evaluator.result()


@pytest.mark.parametrize("protocol", PUBLISHED)
def test_the_published_example_has_the_published_ap(protocol: Protocol) -> None:
    by_iou = scored(protocol, INCLUSIVE).ap_by_iou()
    assert by_iou[0.3] == pytest.approx(PUBLISHED[protocol], abs=1e-4)
    assert by_iou[0.5] < by_iou[0.3]


def test_what_the_last_pixel_changes() -> None:
    """With it a seventh detection reaches IoU 0.3 (0.303; 0.295 without): recall ends at 7 / 15, as in the README."""
    hits = [int(np.unpackbits(scored("voc-all", more).matches.masks[0].true_positive & 1).sum()) for more in (0, 1)]
    assert hits == [6, 7]
    assert scored("voc-all", INCLUSIVE).recall[0].max() == pytest.approx(7 / 15)
    assert scored("voc-all", 0).ap_by_iou()[0.3] == pytest.approx(0.2254, abs=1e-4)
