"""Real YOLOv8n outputs, and the anchors that turn them into detections and numbers: shared by nms.py."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from bench_freeze.data.coco import instances_from
from bench_freeze.data.images import read_image
from bench_freeze.data.letterbox import Letterbox, letterbox_into
from bench_freeze.dualhead.checkpoint import load_checkpoint
from bench_freeze.dualhead.quiet import quiet_ultralytics

SCORE, IOU, MOST = 0.001, 0.7, 300


def cached_outputs(file: Path | None, data: Path, count: int) -> tuple[np.ndarray, list[Any], list[int]]:
    if file is None or not file.is_file():
        heads, letterboxes, ids = real_outputs(data, count)
        if file is not None:
            np.savez(file, heads=heads, ids=ids, letterboxes=[astuple(placement) for placement in letterboxes])
        return heads, letterboxes, ids
    with np.load(file) as kept:
        letterboxes = [Letterbox(*row) for row in kept["letterboxes"].tolist()]
        return kept["heads"][:count], letterboxes[:count], kept["ids"][:count].tolist()


def real_outputs(data: Path, count: int) -> tuple[np.ndarray, list[Any], list[int]]:
    """[N, 84, 8400], the letterbox and the id of each image."""
    quiet_ultralytics()
    model = load_checkpoint(data / "weights" / "yolov8n_coco.pt").model.eval()
    paths = sorted((data / "coco206" / "images" / "val2017").iterdir())[:count]
    heads, letterboxes = [], []
    for path in paths:
        canvas = np.zeros((3, 640, 640), np.float32)
        letterboxes.append(letterbox_into(read_image(path), canvas))
        with torch.no_grad():
            heads.append(model(torch.from_numpy(canvas[None]))[0][0].numpy())
    return np.stack(heads), letterboxes, [int(path.stem) for path in paths]


def repeated(data: Path, ids: list[int], letterboxes: list[Any], count: int) -> tuple[Any, ...]:
    """The images over and over, each copy with an id of its own and the ground truth of the original."""
    content = json.loads((data / "coco206" / "annotations" / "instances_val2017.json").read_text())
    by_image: dict[int, list[dict[str, Any]]] = {}
    for annotation in content["annotations"]:
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    order = np.arange(count) % len(ids)
    annotations = [
        annotation | {"id": number, "image_id": copy + 1}
        for number, (copy, annotation) in enumerate(
            ((copy, annotation) for copy, i in enumerate(order) for annotation in by_image.get(ids[i], [])), 1
        )
    ]
    instances = {
        "images": [{"id": i + 1} for i in range(count)],
        "categories": content["categories"],
        "annotations": [{k: v for k, v in a.items() if k != "segmentation"} for a in annotations],
    }
    truth = instances_from(instances).ground_truth
    return truth, instances, list(range(1, count + 1)), [letterboxes[i] for i in order]


def onnx_nms() -> Callable[[np.ndarray], list[np.ndarray]]:
    """Rows [n, 6] of every image, one call an image."""
    names = ("boxes", "scores", "most", "iou", "score")
    float32, int64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    shapes = ((float32, [1, None, 4]), (float32, [1, None, None]), (int64, [1]), (float32, [1]), (float32, [1]))
    inputs = [onnx.helper.make_tensor_value_info(n, *shape) for n, shape in zip(names, shapes, strict=True)]
    # center_point_box: the operator takes cxcywh as the head has it
    node = onnx.helper.make_node("NonMaxSuppression", list(names), ["kept"], center_point_box=1)
    output = onnx.helper.make_tensor_value_info("kept", int64, [None, 3])
    graph = onnx.helper.make_graph([node], "nms", inputs, [output])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=8)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    fixed = {"most": np.array([30_000]), "iou": np.array([IOU], np.float32), "score": np.array([SCORE], np.float32)}

    def call(heads: np.ndarray) -> list[np.ndarray]:
        found = []
        for head in heads:
            boxes = np.ascontiguousarray(head[:4].T)
            kept = session.run(None, {"boxes": boxes[None], "scores": head[None, 4:], **fixed})[0]
            scores = head[4 + kept[:, 1], kept[:, 2]]
            best = np.argsort(-scores, kind="stable")[:MOST]
            kept, scores = kept[best], scores[best]
            centre, half = boxes[kept[:, 2], :2], boxes[kept[:, 2], 2:] / 2
            found.append(np.concatenate([centre - half, centre + half, scores[:, None], kept[:, 1:2]], axis=1))
        return found

    return call


class UltralyticsNms:
    """Ultralytics' suppression; `copying` sums up the seconds in which its input was copied."""

    def __init__(self) -> None:
        import torchvision  # noqa: F401 - only where it was imported does Ultralytics use it, its own loop is far slower

        self.copying = 0.0

    def __call__(self, heads: np.ndarray) -> list[np.ndarray]:
        from ultralytics.utils.nms import non_max_suppression

        start = time.process_time()
        tensor = torch.from_numpy(heads.copy())
        self.copying += time.process_time() - start
        rows = non_max_suppression(tensor, SCORE, IOU, multi_label=True, max_det=MOST, max_time_img=1e3)
        return [row.numpy() for row in rows]


def to_coco(rows_of_images: list[np.ndarray], letterboxes: list[Any], ids: list[int], categories: np.ndarray) -> Any:
    columns = []
    for rows, placement, image in zip(rows_of_images, letterboxes, ids, strict=True):
        boxes = placement.to_image(rows[:, :4])
        boxes[:, 2:] -= boxes[:, :2]
        columns.append(
            np.concatenate(
                [np.full((len(rows), 1), image), boxes, rows[:, 4:5], categories[rows[:, 5].astype(int)][:, None]],
                axis=1,
            )
        )
    return np.concatenate(columns)


def score_with(package: str, instances: dict[str, Any], rows: np.ndarray) -> list[float]:
    if package == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    else:
        from ultrafast_pycocotools import COCO, COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = instances
        truth.createIndex()
        evaluator = COCOeval(truth, truth.loadRes(rows.copy()), "bbox")  # image, box, score, category
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return [float(value) for value in evaluator.stats]
