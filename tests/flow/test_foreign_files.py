"""Real exports of Ultralytics: what we detect with a file is what Ultralytics detects with it, kind by kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench_freeze import cli

pytestmark = [pytest.mark.data, pytest.mark.slow]
pytest.importorskip("onnxruntime")
pytest.importorskip("ultralytics")
SIZE, SURE = 160, 0.05
KINDS = {
    "raw": {},
    "dynamic": {"dynamic": True},
    "half": {"half": True},
    "batch": {"batch": 2},
    "nms": {"nms": True, "max_det": 84},
    "nms all": {"nms": True, "max_det": 84, "conf": 0.001},
    "nms dynamic": {"nms": True, "dynamic": True, "conf": 0.001},
    "nms batch": {"nms": True, "batch": 2, "conf": 0.001},
}


@pytest.fixture(scope="session")
def export(bench_freeze_data: Path, tmp_path_factory):
    """A real export of the COCO weights, made once for each kind."""
    from ultralytics import YOLO

    folder, made = tmp_path_factory.mktemp("foreign"), {}

    def make(kind: str) -> Path:
        if kind not in made:
            weights = folder / f"{kind.replace(' ', '_')}.pt"
            shutil.copy(bench_freeze_data / "weights/yolov8n_coco.pt", weights)
            made[kind] = Path(YOLO(weights).export(format="onnx", imgsz=SIZE, opset=17, simplify=False, **KINDS[kind]))
        return made[kind]

    return make


@pytest.fixture(scope="session")
def half_io(export, tmp_path_factory) -> Path:
    """An export whose input and output are float16."""
    import onnx
    from onnxruntime.transformers import float16

    path = tmp_path_factory.mktemp("half_io") / "m.onnx"
    onnx.save(float16.convert_float_to_float16(onnx.load(export("raw")), keep_io_types=False), path)
    return path


@pytest.fixture(scope="session")
def canvases(bench_freeze_data: Path) -> np.ndarray:
    """Four letterboxed images as bytes [4, S, S, 3], which no letterbox changes again."""
    from bench_freeze.data.images import read_image
    from bench_freeze.data.letterbox import letterbox_into

    files = sorted((bench_freeze_data / "coco206/images/val2017").glob("*.jpg"))[:4]
    made = np.empty((len(files), 3, SIZE, SIZE), np.float32)
    for canvas, file in zip(made, files, strict=True):
        letterbox_into(read_image(file), canvas)
    return np.rint(made * 255).astype(np.uint8).transpose(0, 2, 3, 1)


def detected(path: Path, canvases: np.ndarray) -> list[np.ndarray]:
    """Ours, one class a box as Ultralytics' prediction has it: rows of box, score, class for each image."""
    from bench_freeze.engines.ort_engine import OrtEngine
    from bench_freeze.engines.selection import select
    from bench_freeze.kernels.nms_options import NmsOptions

    engine = OrtEngine(path)
    (head,) = engine.card.heads
    batch, found = engine.card.batch or 1, []
    for i in range(0, len(canvases), batch):
        images = np.ascontiguousarray(canvases[i : i + batch].transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        chosen = select(engine.infer(images)[head.name], head, NmsOptions(multi_label=False))
        for k in range(batch):
            n = chosen.count[k]
            parts = (chosen.boxes_xyxy[k, :n], chosen.scores[k, :n, None], chosen.labels[k, :n, None])
            found.append(np.concatenate(parts, axis=1))
    return found


def expected(path: Path, canvases: np.ndarray) -> list[np.ndarray]:
    """Ultralytics' own backend on the same canvases."""
    from ultralytics import YOLO

    from bench_freeze.engines.model_file import read_model

    model, batch = YOLO(path, task="detect"), read_model(path).card.batch or 1
    bgr = [np.ascontiguousarray(canvas[..., ::-1]) for canvas in canvases]
    found = []
    for i in range(0, len(bgr), batch):
        found += model.predict(
            bgr[i : i + batch], imgsz=SIZE, conf=0.001, iou=0.7, max_det=300, rect=False, batch=batch, verbose=False
        )
    return [result.boxes.data.cpu().numpy() for result in found]


def sure(rows: np.ndarray) -> np.ndarray:
    """Rows above the score where rounding no longer decides whether one is kept, in one order."""
    rows = rows[rows[:, 4] > SURE]
    rows[:, :4] = rows[:, :4].clip(0, SIZE)  # Ultralytics cuts boxes at the image's border, we do so in image pixels
    return rows[np.lexsort((rows[:, 0].round(), rows[:, 5], -rows[:, 4].round(2)))]


@pytest.mark.parametrize("kind", KINDS)
def test_detections_are_those_of_ultralytics(export, canvases, kind):
    path = export(kind)
    ours, theirs = detected(path, canvases), expected(path, canvases)
    assert [len(rows) for rows in ours] == [len(rows) for rows in theirs]
    assert sum(map(len, ours)) > 3
    for a, b in zip(ours, theirs, strict=True):
        first, second = sure(a), sure(b)
        assert len(first) == len(second)
        np.testing.assert_array_equal(first[:, 5], second[:, 5])
        np.testing.assert_allclose(first[:, 4], second[:, 4], atol=1e-3)
        np.testing.assert_allclose(first[:, :4], second[:, :4], atol=0.05)


def test_float16_inputs_give_what_float32_gives(export, half_io, canvases):
    for a, b in zip(detected(export("raw"), canvases), detected(half_io, canvases), strict=True):
        strong = [rows[rows[:, 4] > 0.5] for rows in (a, b)]
        assert len(strong[0]) == len(strong[1])
        np.testing.assert_allclose(strong[0][:, 4], strong[1][:, 4], atol=0.02)
        np.testing.assert_allclose(strong[0][:, :4], strong[1][:, :4], atol=1.5)


@pytest.fixture(scope="session")
def few(bench_freeze_data: Path, tmp_path_factory) -> list[str]:
    """The first 12 images of coco206, as flags."""
    content = json.loads((bench_freeze_data / "coco206/annotations/instances_val2017.json").read_text())
    content["images"] = content["images"][:12]
    ids = {image["id"] for image in content["images"]}
    content["annotations"] = [entry for entry in content["annotations"] if entry["image_id"] in ids]
    path = tmp_path_factory.mktemp("few") / "instances.json"
    path.write_text(json.dumps(content))
    return ["--gt", str(path), "--images", str(bench_freeze_data / "coco206/images/val2017")]


def evaluated(capsys, *arguments: object) -> dict:
    assert cli.main(["eval", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_file_with_suppression_is_scored_and_says_what_it_drops(export, few, capsys):
    whole = evaluated(capsys, "--model", export("raw"), *few)
    own = evaluated(capsys, "--model", export("nms all"), *few)
    cut = evaluated(capsys, "--model", export("nms"), *few)
    # One class a box, and 84 boxes, cost a part; a threshold of 0.25 more than half at this size.
    assert whole["stats"]["AP"] > own["stats"]["AP"] > 0.7 * whole["stats"]["AP"]
    assert cut["stats"]["AP"] < 0.6 * whole["stats"]["AP"]
    assert [note for note in cut["notes"] if "itself drops detections below 0.25" in note]
    assert not [note for report in (whole, own) for note in report["notes"] if "drops" in note]
    assert [note for note in own["notes"] if "at most 84 detections" in note]
    assert cli.main(["eval", "--model", str(export("nms")), *few]) == 0
    assert "this file itself drops detections below 0.25" in capsys.readouterr().out


@pytest.fixture(scope="session")
def dual(bench_freeze_data: Path, tmp_path_factory) -> Path:
    """The COCO weights with a second head for the nine fruits, which is not trained."""
    import torch

    from bench_freeze.data.source import open_base
    from bench_freeze.deployment.deployment import Candidate
    from bench_freeze.dualhead.checkpoint import Checkpoint, load_checkpoint
    from bench_freeze.export.onnx_export import export_onnx
    from bench_freeze.finetune.head_init import with_new_head

    base = load_checkpoint(bench_freeze_data / "weights/yolov8n_coco.pt")
    names = open_base(bench_freeze_data / "fruit9/fruit9.yaml", None, "val").class_names
    torch.manual_seed(0)
    model, _ = with_new_head(base.model, base.class_names, names, "name_remap")
    candidate = Candidate("branched", base, Checkpoint(model.eval(), base.layers, names, "0" * 64, False), 22)
    path = tmp_path_factory.mktemp("dual") / "dual.onnx"
    export_onnx(candidate.module(), candidate.card(SIZE, None), path, opset=18)
    return path


def fruit(bench_freeze_data: Path, path: Path, kept: slice, count: int = 4) -> list[str]:
    """Fruit images as a COCO json whose categories are written as titles; only those of `kept`, as flags."""
    from bench_freeze.data.source import open_base

    data = open_base(bench_freeze_data / "fruit9/fruit9.yaml", None, "val")
    truth, positions = data.ground_truth, range(len(data.class_names))[kept]
    images = [
        {"id": i + 1, "file_name": str(r.path), "width": r.width, "height": r.height}
        for i, r in enumerate(data.images[:count])
    ]
    rows = [k for k in range(len(truth.labels)) if truth.image_index[k] < count and truth.labels[k] in positions]
    annotations = [
        {
            "id": n + 1,
            "image_id": int(truth.image_index[k]) + 1,
            "category_id": int(truth.labels[k]) + 1,
            "bbox": truth.boxes_xywh[k].tolist(),
            "area": float(truth.area[k]),
            "iscrowd": 0,
        }
        for n, k in enumerate(rows)
    ]
    named = [{"id": k + 1, "name": data.class_names[k].replace("_", " ").title()} for k in positions]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": named}))
    return ["--gt", str(path), "--images", "/", "--unmatched-classes", "ignore"]


def test_the_head_that_pairs_most_is_scored_and_named(dual, bench_freeze_data, tmp_path, capsys):
    flags = fruit(bench_freeze_data, tmp_path / "all.json", slice(None))
    report = evaluated(capsys, "--model", dual, *flags)
    assert (report["head"], report["categories"]) == ("target", 9)
    assert report["left_out_classes"] == report["left_out_categories"] == []
    assert "scored with the target head, 9 of its 9 classes" in report["notes"]
    base = evaluated(capsys, "--model", dual, *flags, "--head", "base")
    assert (base["head"], base["categories"]) == ("base", 2)
    assert (len(base["left_out_classes"]), len(base["left_out_categories"])) == (78, 7)
    assert cli.main(["eval", "--model", str(dual), *flags, "--head", "base"]) == 0
    text = capsys.readouterr().out
    assert "scored with the base head, 2 of its 80 classes" in text
    assert "Red Apple" in text


def test_a_tie_of_heads_is_asked_for(dual, bench_freeze_data, tmp_path, capsys):
    flags = fruit(bench_freeze_data, tmp_path / "one.json", slice(8, 9))  # banana, which both heads know
    assert cli.main(["eval", "--model", str(dual), *flags]) == 2
    assert "have 1 classes each in common with it; say which one to score with --head" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["seg", "pose", "obb", "cls"])
def test_other_tasks_are_named_with_the_option(task, few, tmp_path, monkeypatch, capsys):
    from ultralytics import YOLO

    monkeypatch.chdir(tmp_path)
    path = Path(YOLO(f"yolov8n-{task}.yaml").export(format="onnx", imgsz=32, opset=17, simplify=False))
    assert cli.main(["eval", "--model", str(path), *few]) == 2
    message = capsys.readouterr().err
    full = {"seg": "segment", "pose": "pose", "obb": "obb", "cls": "classify"}[task]
    assert f"--model {path} is a model for the task '{full}'" in message
    assert "Traceback" not in message


def test_an_end_to_end_model_selects_for_itself_without_a_threshold(tmp_path, monkeypatch, canvases):
    """Its arguments say nms False, its metadata end2end True; the weights are random, so every score is tiny."""
    from ultralytics import YOLO

    from bench_freeze.engines.ort_engine import OrtEngine

    monkeypatch.chdir(tmp_path)
    path = Path(YOLO("yolo26n.yaml").export(format="onnx", imgsz=SIZE, opset=17, simplify=False, nms=False))
    engine = OrtEngine(path)
    (head,) = engine.card.heads
    assert (head.kind, engine.notes) == ("detections", ())
    images = np.ascontiguousarray(canvases[:1].transpose(0, 3, 1, 2), np.float32) / np.float32(255)
    assert engine.infer(images)["base"].shape == (1, 300, 6)
