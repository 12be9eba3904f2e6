"""Detections on real YOLOv8n outputs equal those of ONNX Runtime and torchvision as sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench_freeze import nms
from tests.parity.test_nms_peers import corners, onnx_session

pytestmark = pytest.mark.data
torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")

IMAGES = 6
SCORE, IOU, ALL = 0.001, 0.7, 30_000


@pytest.fixture(scope="module")
def heads(bench_freeze_data: Path) -> NDArray[np.float32]:
    """[N, 84, 8400] float32, raw outputs of the real weights on real images."""
    from bench_freeze.data.images import read_image
    from bench_freeze.data.letterbox import letterbox_into
    from bench_freeze.dualhead.checkpoint import load_checkpoint
    from bench_freeze.dualhead.quiet import quiet_ultralytics

    quiet_ultralytics()
    model = load_checkpoint(bench_freeze_data / "weights" / "yolov8n_coco.pt").model.eval()
    paths = sorted((bench_freeze_data / "coco206" / "images" / "val2017").iterdir())[:: 206 // IMAGES][:IMAGES]
    batch = np.zeros((IMAGES, 3, 640, 640), np.float32)
    for canvas, path in zip(batch, paths, strict=True):
        letterbox_into(read_image(path), canvas)
    with torch.no_grad():
        return model(torch.from_numpy(batch))[0].numpy()


def test_equals_onnxruntime_and_torchvision(heads: NDArray[np.float32]) -> None:
    vision = pytest.importorskip("torchvision").ops.nms
    session = onnx_session()
    found = nms(heads, score_threshold=SCORE, iou_threshold=IOU, max_detections=ALL, threads=2)
    assert not found.dropped_detections.any()
    for image, head in enumerate(heads):
        boxes = corners(head)
        kept = {
            (int(found.labels[image, i]), tuple(found.boxes_xyxy[image, i].tolist()), float(found.scores[image, i]))
            for i in range(found.count[image])
        }
        inputs = {
            "boxes": boxes[None],
            "scores": head[None, 4:],
            "most": np.array([ALL], np.int64),
            "iou_threshold": np.array([IOU], np.float32),
            "score_threshold": np.array([SCORE], np.float32),
        }
        rows = session.run(None, inputs)[0]
        assert kept == {(int(c), tuple(boxes[a].tolist()), float(head[4 + c, a])) for _, c, a in rows}
        by_vision = set()
        for label, scores in enumerate(head[4:]):
            anchors = np.flatnonzero(scores > np.float32(SCORE))
            survivors = vision(torch.from_numpy(boxes[anchors]), torch.from_numpy(scores[anchors]), IOU).numpy()
            by_vision |= {(label, tuple(boxes[a].tolist()), float(scores[a])) for a in anchors[survivors]}
        assert kept == by_vision
        assert kept


def test_batches_types_and_threads_change_nothing(heads: NDArray[np.float32]) -> None:
    whole = nms(heads)
    for threads in (2, 5):
        again = nms(torch.from_numpy(heads), threads=threads)
        np.testing.assert_array_equal(again.boxes_xyxy, whole.boxes_xyxy)
    transposed = torch.from_numpy(np.ascontiguousarray(heads.transpose(0, 2, 1))).transpose(1, 2)
    for image in range(len(heads)):
        alone = nms(transposed[image : image + 1])
        np.testing.assert_array_equal(alone.boxes_xyxy[0], whole.boxes_xyxy[image])
        np.testing.assert_array_equal(alone.scores[0], whole.scores[image])
        np.testing.assert_array_equal(alone.labels[0], whole.labels[image])
