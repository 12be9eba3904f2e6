"""pycocotools' evaluation of a workload."""

from __future__ import annotations

import contextlib
import copy
import io
from typing import Any

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.workloads import Workload


def run_pycocotools(workload: Workload, **parameters: Any) -> tuple[COCOeval, str]:
    """pycocotools' evaluation of a workload, and the summary it prints. `parameters` replace those of its Params."""
    truth, found = workload.truth, workload.detections
    coco = COCO()
    coco.dataset = {
        "images": [{"id": int(i)} for i in truth.image_ids],
        "categories": [{"id": int(i)} for i in truth.category_ids],
        "annotations": [
            {
                "id": int(truth.annotation_ids[i]),
                "image_id": int(truth.image_ids[truth.image_index[i]]),
                "category_id": int(truth.category_ids[truth.labels[i]]),
                "bbox": truth.boxes_xywh[i].tolist(),
                "area": float(truth.area[i]),
                "iscrowd": int(truth.is_crowd[i]),
            }
            for i in range(len(truth))
        ],
    }
    results = [
        {
            "image_id": int(truth.image_ids[found.image_index[i]]),
            "category_id": int(truth.category_ids[found.labels[i]]),
            "bbox": found.boxes_xywh[i].tolist(),
            "score": float(found.scores[i]),
        }
        for i in range(len(found))
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return evaluate_with_pycocotools(coco, results, **parameters)


def evaluate_with_pycocotools(coco: COCO, results: list[dict[str, Any]], **parameters: Any) -> tuple[COCOeval, str]:
    with contextlib.redirect_stdout(io.StringIO()):
        if results:
            predictions = coco.loadRes(results)
        else:  # loadRes looks at the first row
            predictions = COCO()
            predictions.dataset = copy.deepcopy(coco.dataset) | {"annotations": []}
            predictions.createIndex()
        evaluator = COCOeval(coco, predictions, "bbox")
        for name, value in parameters.items():
            setattr(evaluator.params, name, value)
        evaluator.evaluate()
        evaluator.accumulate()
    summary = io.StringIO()
    if not parameters:
        with contextlib.redirect_stdout(summary):
            evaluator.summarize()
    return evaluator, summary.getvalue()
