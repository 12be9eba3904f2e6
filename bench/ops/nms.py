"""Decode + NMS of real YOLOv8n outputs on the CPU, and raw outputs to the twelve numbers: ours and the anchors, paired.

    python bench/ops/nms.py DATA [--images 32] [--rounds 7] [--whole 500] [--json FILE]

DATA is the folder with weights/yolov8n_coco.pt and coco206 (see tests/conftest.py). Score 0.001, IoU 0.7, 300
detections, multi-label, one thread. The anchors are ONNX Runtime's NonMaxSuppression with the best 300 of its answer
and their boxes gathered, and Ultralytics' non_max_suppression. The second table repeats the outputs to --whole images
(5,000 are val2017's; Ultralytics and pycocotools then take minutes) and goes on to the twelve numbers: ours streams
through Evaluator.update(predictions=...), theirs is NMS, then the evaluator named.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

import bench_freeze
from bench_freeze.data.images import read_image
from bench_freeze.data.letterbox import letterbox_into
from bench_freeze.dualhead.checkpoint import load_checkpoint, quiet_ultralytics
from bench_freeze.environment import environment

SCORE, IOU, MOST, BATCH = 0.001, 0.7, 300, 32


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


def ultralytics_nms(heads: np.ndarray) -> list[np.ndarray]:
    import torchvision  # noqa: F401 - only where it was imported does Ultralytics use it, and its own loop is far slower
    from ultralytics.utils.nms import non_max_suppression

    tensor = torch.from_numpy(heads.copy())
    rows = non_max_suppression(tensor, SCORE, IOU, multi_label=True, max_det=MOST, max_time_img=1e3)
    return [row.numpy() for row in rows]


def paired(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name in list(calls) if number % 2 else list(calls)[::-1]:
            start = time.perf_counter()
            calls[name]()
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    return seconds


def report(title: str, seconds: dict[str, list[float]], per: int, unit: str) -> dict[str, Any]:
    ours = next(iter(seconds.values()))
    out: dict[str, Any] = {}
    for name, values in seconds.items():
        ratio = statistics.median(v / o for v, o in zip(values, ours, strict=True))
        median = statistics.median(values) / per * (1e3 if unit == "ms" else 1)
        out[name] = {"seconds": values, f"median_{unit}": median, "median_ratio_to_ours": ratio}
        print(f"{title:<42} {name:<38} {median:8.3f} {unit}  x{ratio:.2f}")
    return out


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--whole", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    heads, letterboxes, ids = real_outputs(options.data, options.images)
    candidates = float((heads[:, 4:] > SCORE).sum() / len(heads))
    print(f"{len(heads)} images, {candidates:.0f} candidates each")
    call_onnx = onnx_nms()
    calls: dict[str, Callable[[], Any]] = {
        "bench-freeze": lambda: bench_freeze.nms(heads),
        "ONNX Runtime NonMaxSuppression": lambda: call_onnx(heads),
        "Ultralytics, batch 32": lambda: ultralytics_nms(heads),
        "reading the tensor once": lambda: heads.max(),
    }
    results = {"decode + NMS": report("decode + NMS", paired(calls, options.rounds), len(heads), "ms")}

    truth, (instances, ids, letterboxes, order) = repeated(options.data, ids, letterboxes, options.whole)
    categories = truth.category_ids

    def ours() -> Any:
        evaluator = bench_freeze.Evaluator(truth)
        for i in range(0, options.whole, BATCH):
            batch = slice(i, i + BATCH)
            evaluator.update(ids[batch], predictions=heads[order[batch]], letterbox=letterboxes[batch])
        return list(evaluator.result().stats().values())

    def chain(select: Callable[[np.ndarray], list[np.ndarray]], package: str) -> Callable[[], Any]:
        def call() -> Any:
            parts = []
            for i in range(0, options.whole, BATCH):
                batch = slice(i, i + BATCH)
                rows = select(heads[order[batch]])
                parts.append(to_coco(rows, letterboxes[batch], ids[batch], categories))
            return score_with(package, instances, np.concatenate(parts))

        return call

    whole = {
        "bench-freeze": ours,
        "ONNX Runtime + ultrafast-pycocotools": chain(call_onnx, "ultrafast_pycocotools"),
        "Ultralytics + pycocotools": chain(ultralytics_nms, "pycocotools"),
    }
    rounds = max(1, options.rounds // 2) if options.rounds > 1 else 1
    results[f"raw outputs of {options.whole} images to numbers"] = report(
        "raw outputs to numbers", paired(whole, rounds), 1, "s"
    )
    if options.json:
        options.json.write_text(json.dumps({"environment": environment(), "results": results}, indent=1, default=str))


def repeated(data: Path, ids: list[int], letterboxes: list[Any], count: int) -> tuple[Any, Any]:
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
    from bench_freeze.data.coco import instances_from

    truth = instances_from(instances).ground_truth
    return truth, (instances, list(range(1, count + 1)), [letterboxes[i] for i in order], order)


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


if __name__ == "__main__":
    main()
