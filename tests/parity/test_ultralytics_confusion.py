"""The confusion matrix equals that of the installed Ultralytics on the same detections."""

import numpy as np
import pytest

from bench_freeze.evaluate.head_curves import CONFUSION_IOU, CONFUSION_SCORE, confusion
from tests.workloads import make_workload

torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")


@pytest.mark.parametrize("seed", range(6))
def test_the_matrix_is_ultralytics(seed):
    from ultralytics.utils.metrics import ConfusionMatrix

    workload = make_workload(images=10, classes=4, truth_rows=50, rows=300, seed=seed, crowd_share=0.0)
    truth, found = workload.truth, workload.detections
    matrix = ConfusionMatrix(names=dict(enumerate(truth.class_names)))

    def corners(boxes):
        return torch.from_numpy(np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1))

    for image in range(len(truth.image_ids)):
        seen, own = found.image_index == image, truth.image_index == image
        detections = {
            "bboxes": corners(found.boxes_xywh[seen]),
            "cls": torch.from_numpy(found.labels[seen]),
            "conf": torch.from_numpy(found.scores[seen]),
        }
        batch = {"bboxes": corners(truth.boxes_xywh[own]), "cls": torch.from_numpy(truth.labels[own])}
        matrix.process_batch(detections, batch, conf=CONFUSION_SCORE, iou_thres=CONFUSION_IOU)
    assert confusion(truth, found).T.tolist() == matrix.matrix.tolist()  # theirs has the detected class first
