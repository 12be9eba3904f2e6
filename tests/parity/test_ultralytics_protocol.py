"""Protocol ultralytics-8.4.183 equals the validation of the installed Ultralytics on the same detections."""

from __future__ import annotations

import numpy as np
import pytest

from bench_freeze import Evaluator
from tests.workloads import Workload, detection_table, make_workload

torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")


def in_float32(workload: Workload) -> Workload:
    """Distinct float32 scores, as torch has them, and corners that float32 holds."""
    found = workload.detections
    rows = len(found)
    scores = (np.random.default_rng(1).permutation(rows) + 1).astype(np.float32) / np.float32(rows + 1)
    boxes = np.round(found.boxes_xywh * 8) / 8
    workload.truth.boxes_xywh[:] = np.round(workload.truth.boxes_xywh * 8) / 8
    return Workload(workload.truth, detection_table(found.image_index, found.labels, boxes, scores.astype(np.float64)))


def by_ultralytics(workload: Workload):
    from ultralytics.models.yolo.detect import DetectionValidator
    from ultralytics.utils.metrics import DetMetrics

    truth, found = workload.truth, workload.detections
    validator = DetectionValidator.__new__(DetectionValidator)
    validator.iouv = torch.linspace(0.5, 0.95, 10)
    validator.niou = 10
    metrics = DetMetrics(names=dict(enumerate(truth.class_names)))

    def corners(boxes):
        return torch.from_numpy(np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)).float()

    for image in range(len(truth.image_ids)):
        rows = np.flatnonzero(found.image_index == image)
        rows = rows[np.argsort(-found.scores[rows], kind="stable")]
        wanted = (truth.image_index == image) & ~truth.is_crowd
        labels = truth.labels[wanted].astype(np.float32)
        predictions = {
            "bboxes": corners(found.boxes_xywh[rows]),
            "cls": torch.from_numpy(found.labels[rows].astype(np.float32)),
        }
        batch = {"bboxes": corners(truth.boxes_xywh[wanted]), "cls": torch.from_numpy(labels)}
        metrics.update_stats(
            {
                **validator._process_batch(predictions, batch),
                "target_cls": labels,
                "target_img": np.unique(labels),
                "conf": found.scores[rows].astype(np.float32),
                "pred_cls": found.labels[rows].astype(np.float32),
                "im_name": str(image),
            }
        )
    metrics.process()
    return metrics


@pytest.mark.parametrize(
    "options",
    [
        {"images": 60, "classes": 5, "truth_rows": 400, "rows": 3000},
        {"images": 30, "classes": 3, "truth_rows": 300, "rows": 2000, "lattice": True},
        {"images": 10, "classes": 8, "truth_rows": 12, "rows": 60},
        {"images": 20, "classes": 2, "truth_rows": 100, "rows": 500, "crowd_share": 0.5},
    ],
    ids=["usual", "equal IoUs", "sparse", "crowds"],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_map_equals_that_of_ultralytics(options, seed) -> None:
    workload = in_float32(make_workload(seed=seed, **options))
    expected = by_ultralytics(workload).box
    evaluator = Evaluator(workload.truth, "ultralytics-8.4.183")
    evaluator.update_table(workload.detections)
    found = evaluator.result()
    assert found.ap() == expected.map
    assert found.ap50() == expected.map50
    assert found.stats()["AP75"] == expected.map75
    per_class = [ap for ap in found.ap_per_class() if ap is not None]
    assert per_class == expected.maps[np.flatnonzero(found.ground_truth_count)].tolist()


def test_thresholds_are_those_of_torch() -> None:
    evaluator = Evaluator(make_workload(images=1, classes=1, truth_rows=1, rows=1, seed=0).truth, "ultralytics-8.4.183")
    assert evaluator.result().iou_thresholds.tolist() == torch.linspace(0.5, 0.95, 10).double().tolist()
