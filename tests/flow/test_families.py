"""Every family from its yaml, with random weights: run, export and eval, or a sentence; the docs list them."""

import json
import os

import numpy as np
import pytest
import torch
from PIL import Image
from ultralytics.nn import tasks

from bench_freeze import cli
from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint
from bench_freeze.dualhead.quiet import quiet_ultralytics
from bench_freeze.engines.ort_engine import OrtEngine

pytestmark = pytest.mark.slow
SIZE = 64
CLASSES = ("circle", "square")

RUN = ("yolov8n", "yolo26n")  # a head of either class; ALL_FAMILIES=1 trains every one
EXPORTED = (
    "yolo11n", "yolov10n",
    "yolov5n", "yolov5n-p6", "yolov6n", "yolov8n-p2", "yolov8n-p6", "yolov8n-ghost", "yolov9t", "yolo12n",
    "yolo26n-p2", "yolo26n-p6", "yolov3-tiny",
)  # fmt: skip
if os.environ.get("ALL_FAMILIES"):
    RUN, EXPORTED = RUN + EXPORTED, ()  # type: ignore[assignment]
REFUSED = {
    "yolov8n-seg": (tasks.SegmentationModel, "Segment, a head for masks (task segment)"),
    "yolo26n-seg": (tasks.SegmentationModel, "Segment26, a head for masks (task segment)"),
    "yolov8n-pose": (tasks.PoseModel, "Pose, a head for keypoints (task pose)"),
    "yolov8n-obb": (tasks.OBBModel, "OBB, a head for oriented boxes (task obb)"),
    "yolo26n-obb": (tasks.OBBModel, "OBB26, a head for oriented boxes (task obb)"),
    "yolov8n-cls": (tasks.ClassificationModel, "Classify, a head for whole images (task classify)"),
    "yolov8s-worldv2": (tasks.WorldModel, "WorldDetect, a head for classes named by text prompts (YOLO-World)"),
    "yoloe-11s": (tasks.YOLOEModel, "YOLOEDetect, a head for classes named by text prompts (YOLOE)"),
    "rtdetr-l": (tasks.RTDETRDetectionModel, "RTDETRDecoder, a head that is a transformer decoder (RT-DETR)"),
}


def size_of(family):
    return 2 * SIZE if family.endswith("-p6") else SIZE


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four training and two scored images of noise with a box, as a target yaml and as a base set."""
    folder = tmp_path_factory.mktemp("tiny")
    draw = np.random.default_rng(0)
    annotations, images = [], []
    for k in range(6):
        split = "train" if k < 4 else "val"
        (folder / "images" / split).mkdir(parents=True, exist_ok=True)
        (folder / "labels" / split).mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / split / f"{k}.png")
        (folder / "labels" / split / f"{k}.txt").write_text(f"{k % 2} 0.5 0.5 0.6 0.4\n")
        if split == "val":
            images.append({"id": k, "file_name": f"val/{k}.png", "width": SIZE, "height": SIZE})
            annotations.append(
                {"id": k, "image_id": k, "category_id": k % 2, "bbox": [10, 20, 30, 20], "area": 600, "iscrowd": 0}
            )
    (folder / "target.yaml").write_text("train: images/train\nval: images/val\nnames: {0: ring, 1: star}\n")
    categories = [{"id": k, "name": name} for k, name in enumerate(CLASSES)]
    base = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "base.json").write_text(json.dumps(base))
    return folder


def written(family, folder):
    quiet_ultralytics()
    torch.manual_seed(0)
    model = tasks.DetectionModel(f"{family}.yaml", nc=len(CLASSES), verbose=False)
    model.names = dict(enumerate(CLASSES))
    save_checkpoint(folder / f"{family}.pt", model, half=False)
    return folder / f"{family}.pt"


@pytest.mark.parametrize("family", RUN + EXPORTED)
def test_a_family_exports_as_ultralytics_runs_it_and_is_scored(family, data, tmp_path, capsys):
    weights, onnx, size = written(family, tmp_path), tmp_path / "model.onnx", size_of(family)
    assert cli.main(["export", "--weights", str(weights), "--out", str(onnx), "--imgsz", str(size)]) == 0
    engine = OrtEngine(onnx)
    images = np.random.default_rng(1).random((1, 3, size, size), dtype=np.float32)
    with torch.no_grad():
        expected = load_checkpoint(weights).model(torch.from_numpy(images))[0].numpy()
    found = engine.infer(images)["base"]
    assert found.shape == expected.shape
    assert np.abs(found[:, :4] - expected[:, :4]).max() < 0.05
    assert np.abs(found[:, 4:] - expected[:, 4:]).max() < 2e-4
    capsys.readouterr()
    scored = ["eval", "--gt", str(data / "base.json"), "--model", str(onnx), "--images", str(data / "images"), "--json"]
    assert cli.main(scored) == 0
    assert 0 <= json.loads(capsys.readouterr().out)["stats"]["AP"] <= 1


@pytest.mark.parametrize("family", RUN)
def test_a_family_runs_from_training_to_rows(family, data, tmp_path, capsys):
    weights = written(family, tmp_path)
    command = [
        *("run", "--weights", str(weights), "--target", str(data / "target.yaml"), "--base", str(data / "base.json")),
        *("--base-images", str(data / "images"), "--epochs", "1", "--imgsz", str(SIZE), "--train-batch", "4"),
        *("--latency-samples", "0", "--resamples", "0", "--engine", "ort", "--construction", "branched,plain"),
        *("--freeze", str(load_checkpoint(weights).layers.head), "--out", str(tmp_path / "out")),
    ]
    assert cli.main(command) == 0, capsys.readouterr().err
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    branched, plain = results["rows"]
    assert branched["base"]["map"] == results["originals"][0]["base"]["map"]
    assert branched["base_output"]["images"] == 4
    assert branched["base_output"]["box_px"] < 0.05
    assert plain["base_output"] is None
    branches = {row["head_branch"] for row in (*results["rows"], *results["originals"])}
    assert branches == {"one2many" if family.startswith(("yolov10", "yolo26")) else None}


@pytest.mark.parametrize("family", REFUSED)
def test_a_family_of_another_task_is_refused_by_its_head(family, data, tmp_path, capsys):
    kind, sentence = REFUSED[family]
    quiet_ultralytics()
    model = kind(f"{family}.yaml", verbose=False)
    weights = tmp_path / f"{family}.pt"
    torch.save({"model": model.half(), "ema": None, "train_args": {}}, weights)
    for command in (
        ["run", "--target", str(data / "target.yaml"), "--base", str(data / "base.json"), "--out", str(tmp_path / "o")],
        ["export", "--out", str(tmp_path / "model.onnx")],
    ):
        assert cli.main([*command, "--weights", str(weights)]) == 2
        error = capsys.readouterr().err
        assert sentence in error
        assert "the supported heads are Detect and v10Detect" in error
        assert "Traceback" not in error
    assert not (tmp_path / "model.onnx").exists()
