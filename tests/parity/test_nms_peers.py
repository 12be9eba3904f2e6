"""The kept set equals that of torchvision and ONNX Runtime on heads without ties at the thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench_freeze.kernels import ext
from bench_freeze.kernels.nms_options import NmsOptions
from tests.heads import random_head

SCORE_THRESHOLD = 0.05

Kept = set[tuple[int, tuple[float, ...], float]]  # class, corners, score


def corners(prediction: NDArray[np.float32]) -> NDArray[np.float32]:
    centre, size = prediction[:2].T, prediction[2:4].T
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1)


def kept_by_us(head: NDArray[np.float32], iou_threshold: float) -> Kept:
    found = ext.nms(head, NmsOptions(SCORE_THRESHOLD, iou_threshold, max_detections=20_000))
    assert found.dropped_detections[0] == 0
    rows = range(found.count[0])
    return {(int(found.labels[0, i]), tuple(found.boxes_xyxy[0, i].tolist()), float(found.scores[0, i])) for i in rows}


@pytest.mark.parametrize("iou_threshold", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_torchvision(iou_threshold: float, seed: int) -> None:
    torch = pytest.importorskip("torch")
    nms = pytest.importorskip("torchvision").ops.nms
    head = random_head(seed, classes=6, anchors=1500)
    boxes = corners(head[0])
    expected: Kept = set()
    for label, scores in enumerate(head[0, 4:]):
        anchors = np.flatnonzero(scores > SCORE_THRESHOLD)
        kept = nms(torch.from_numpy(boxes[anchors]), torch.from_numpy(scores[anchors]), iou_threshold).numpy()
        expected |= {(label, tuple(boxes[a].tolist()), float(scores[a])) for a in anchors[kept]}
    assert kept_by_us(head, iou_threshold) == expected
    assert len(expected) > 50


@pytest.mark.parametrize("iou_threshold", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_onnxruntime(iou_threshold: float, seed: int) -> None:
    head = random_head(seed, classes=6, anchors=1500)
    boxes = corners(head[0])
    rows = onnx_session().run(
        None,
        {
            "boxes": boxes[None],
            "scores": head[:, 4:],
            "most": np.array([20_000], np.int64),
            "iou_threshold": np.array([iou_threshold], np.float32),
            "score_threshold": np.array([SCORE_THRESHOLD], np.float32),
        },
    )[0]
    expected = {(int(c), tuple(boxes[a].tolist()), float(head[0, 4 + c, a])) for _, c, a in rows}
    assert kept_by_us(head, iou_threshold) == expected


def onnx_session() -> Any:
    """A graph of the one operator."""
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    kinds = {
        "boxes": (onnx.TensorProto.FLOAT, [1, None, 4]),
        "scores": (onnx.TensorProto.FLOAT, [1, None, None]),
        "most": (onnx.TensorProto.INT64, [1]),
        "iou_threshold": (onnx.TensorProto.FLOAT, [1]),
        "score_threshold": (onnx.TensorProto.FLOAT, [1]),
    }
    inputs = [onnx.helper.make_tensor_value_info(name, *kind) for name, kind in kinds.items()]
    outputs = [onnx.helper.make_tensor_value_info("kept", onnx.TensorProto.INT64, [None, 3])]
    node = onnx.helper.make_node("NonMaxSuppression", list(kinds), ["kept"])
    graph = onnx.helper.make_graph([node], "nms", inputs, outputs)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=8)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
