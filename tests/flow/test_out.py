"""The way out of a finished study: its best/ folder, the callable, the plain ONNX recipe, detections for others."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from PIL import Image
from tests.flow.studies import SHORT, artifacts, bench_freeze

import bench_freeze as package
from bench_freeze.data.letterbox import letterbox_into
from bench_freeze.deployment.pipeline import load_detections
from bench_freeze.errors import InputError
from bench_freeze.results.schema import decode
from bench_freeze.results.shipped import read_shipped
from bench_freeze.shipping.choose import picked_row
from bench_freeze.shipping.ship import ship

pytestmark = pytest.mark.slow
RECIPE = Path(__file__).parents[2] / "docs" / "howto" / "onnx_runtime.md"


def picked(out):
    return picked_row(decode((out / "results.json").read_bytes())).row


def images(out, role="target"):
    """The embedded study's images of a role, in the order of the data set."""
    folder = "target/images/val" if role == "target" else "base"
    found = [path for path in next((out / "artifacts").glob("embedded-*")).joinpath(folder).rglob("*.png")]
    return sorted(found, key=lambda path: path.name)


def kept(out, role, model_sha256, data_sha256):
    """What the study kept of a model's detections on a data set."""
    for folder in artifacts(out, "detections", partial=False):
        inputs = json.loads((folder / "manifest.json").read_text())["inputs"]
        if inputs["model"] == model_sha256 and inputs["data_sha256"] == data_sha256:
            return load_detections(folder / "detections.npz")[role]
    raise AssertionError(f"no detections of {role} were kept")


def snippets(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)


@pytest.mark.parametrize("role", ["target", "base"])
def test_the_pick_finds_what_the_study_found_to_the_bit(finished, role):
    out, results, _ = finished
    row = picked(out)
    whole = kept(out, role, row.artifact.onnx_sha256, results["data"][role]["sha256"])
    with package.load(out) as model:
        found = [one[role] for one in model(images(out, role))]
    assert len(whole) > 1000
    index = np.concatenate([np.full(len(one), k) for k, one in enumerate(found)])
    assert np.array_equal(index, whole.image_index)
    for name in ("boxes_xyxy", "scores", "labels"):
        assert np.array_equal(np.concatenate([getattr(one, name) for one in found]), getattr(whole, name))


def test_the_run_wrote_the_picks_folder_and_says_where(finished):
    out, results, done = finished
    row, shipped = picked(out), read_shipped(out / results["best"])
    assert done.stdout.splitlines()[-3] == str(out / "best")
    assert f"{results['best']}/" in (out / "report.html").read_text()
    assert shipped.row == results["recommendation"]["pick"]
    assert shipped.files["onnx"].sha256 == row.artifact.onnx_sha256
    for name in ("onnx_file", "weights_file"):
        assert (out / getattr(row.artifact, name)).is_file()
    assert (out / results["originals"][0]["artifact"]["weights_file"]).is_file()
    target = next(head for head in shipped.heads if head.name == "target")
    assert all(0 < best.score <= 1 and best.f1 > 0 for best in target.thresholds if best is not None)
    assert any(best is not None for best in target.thresholds)


def test_its_checkpoint_is_one_that_ultralytics_loads_and_finds_what_the_new_head_finds(finished):
    """The images have the canvas' size, so both see the same pixels; `predict` keeps only the best class of a box."""
    from ultralytics import YOLO

    out, _, _ = finished
    yolo, compared = YOLO(out / "best" / "tuned.pt"), 0
    with package.load(out, conf=0.25, head="target") as model:
        model._selection = replace(model._selection, multi_label=False)
        for path in images(out)[:12]:
            ours = model(path)["target"]
            theirs = yolo.predict(path, imgsz=model.imgsz, conf=0.25, iou=0.7, verbose=False)[0]
            names = [theirs.names[int(label)] for label in theirs.boxes.cls]
            assert names == list(ours.names)
            assert np.allclose(theirs.boxes.conf.numpy(), ours.scores, rtol=0, atol=1e-4)
            assert np.allclose(theirs.boxes.xyxy.numpy().reshape(-1, 4), ours.boxes_xyxy, rtol=0, atol=0.01)
            compared += len(ours)
    assert compared > 10


def test_a_model_of_the_torch_engine_is_shipped_as_its_checkpoints(finished, tmp_path):
    """As a study with --engine torch records it: no ONNX file; both heads are made of the two checkpoints again."""
    out = finished[0]
    results = decode((out / "results.json").read_bytes())
    chosen = picked_row(results)
    bare = structs.replace(chosen.row.artifact, onnx_sha256=None, onnx_file=None, file=None)
    row = structs.replace(chosen.row, engine="torch", artifact=bare)
    results.originals = [structs.replace(original, engine="torch") for original in results.originals]
    folder = ship(out, results, replace(chosen, row=row), tmp_path / "model")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "base.pt", "model.json", "tuned.pt"]
    path, compared = images(out)[2], 0
    with package.load(folder, conf=0.3) as of_torch, package.load(out, conf=0.3) as of_ort:
        assert of_torch.identity.name == "torch"
        for head, ours in of_torch(path).items():
            assert ours.names == of_ort(path)[head].names
            assert np.allclose(ours.boxes_xyxy, of_ort(path)[head].boxes_xyxy, rtol=0, atol=0.01)
            compared += len(ours)
    assert compared > 5
    with package.load(folder / "tuned.pt", imgsz=160, conf=0.3) as alone, package.load(out, conf=0.3) as both:
        assert alone(path)["target"].names == both(path)["target"].names
    with pytest.raises(InputError, match=r"no ONNX file.*use --engine torch"):
        package.load(folder, engine="ort")
    with pytest.raises(InputError, match=r"has no base\.pt.*use --engine ort"):
        package.load(out, engine="torch")


def test_the_readmes_snippets_run_in_the_folder(finished, tmp_path):
    folder = shutil.copytree(finished[0] / "best", tmp_path / "model")
    Image.open(images(finished[0])[2]).save(folder / "image.jpg", quality=95)
    own, of_ultralytics = snippets(folder / "README.md")
    for snippet in (own, of_ultralytics):
        done = subprocess.run(
            [sys.executable, "-c", snippet], cwd=folder, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout


SIZES = ((160, 160), (333, 251), (97, 200), (640, 90), (161, 159), (40, 41))


@pytest.mark.parametrize("resized", ["by us", "by OpenCV"])
def test_the_plain_recipe_finds_what_the_callable_finds(finished, tmp_path, monkeypatch, resized):
    """The recipe's only difference are pixels that OpenCV rounds to the next grey level; without them it is exact."""
    import cv2

    (recipe,) = snippets(RECIPE)
    shutil.copy(finished[0] / "best/model.onnx", tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    if resized == "by us":
        monkeypatch.setattr(cv2, "resize", resized_by_us)
    compared = 0
    for path, size in zip(images(finished[0])[2:8], SIZES, strict=True):
        Image.open(path).convert("RGB").resize(size).save("image.jpg", quality=95)
        with contextlib.redirect_stdout(io.StringIO()):
            exec(recipe, names := {})
        exact = resized == "by us" or size == SIZES[0]
        with package.load("model.onnx", conf=0.25 if exact else 0.15) as model:
            ours = model("image.jpg")
        assert names["found"].keys() == ours.keys()
        for head, rows in names["found"].items():
            own = ours[head]
            assert len(rows) == len(own) if exact else len(rows) <= len(own)
            for name, score, (left, top, width, height) in rows:
                box = np.clip([left, top, left + width, top + height], 0, [*size, *size])
                of_class = np.array([other == name for other in own.names])
                near = np.abs(own.scores - score) <= (0 if exact else 0.05)
                off = np.abs(own.boxes_xyxy[of_class & near] - box).max(axis=1).min()
                assert off < (0.01 if exact else 5 * max(size) / model.imgsz)
                compared += 1
    assert compared > 10


def resized_by_us(image, size, interpolation):
    """The resizing of the study alone, as whole grey levels."""
    width, height = size
    canvas = np.empty((3, max(size), max(size)), np.float32)
    place = letterbox_into(np.ascontiguousarray(image), canvas)
    assert (place.resized_width, place.resized_height) == size
    part = canvas[:, place.top : place.top + height, place.left : place.left + width]
    return np.rint(part.transpose(1, 2, 0) * 255).astype(np.uint8)


def test_saved_detections_are_scored_by_pycocotools_as_the_rows_are(finished, tmp_path):
    """On the finished study's artifacts, so that nothing is trained or run for it."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    out = shutil.copytree(finished[0], tmp_path / "out")
    done = bench_freeze(*SHORT, "--out", out, "--construction", "branched,plain", "--save-detections", "--json")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    users_own = next((out / "artifacts").glob("embedded-*/base/annotations/*.json"))
    truths = {"base": users_own, **{r: out / f"detections/{r}.instances.json" for r in ("target", "target_test")}}
    scored = 0
    for record in (*results["rows"], *results["originals"]):
        assert record["detections"].keys() == ({"base"} if record in results["originals"] else set(truths))
        for role, file in record["detections"].items():
            for truth in {truths[role], out / f"detections/{role}.instances.json"}:
                plain = record.get("construction") == "plain" and role == "base"
                rows = json.loads((out / file).read_text())
                if plain and not rows:
                    continue
                with contextlib.redirect_stdout(io.StringIO()):
                    coco = COCO(str(truth))
                    evaluation = COCOeval(coco, coco.loadRes(str(out / file)), "bbox")
                    evaluation.evaluate()
                    evaluation.accumulate()
                    evaluation.summarize()
                assert evaluation.stats[0] == record[role]["map"]
                assert evaluation.stats[1] == record[role]["map50"]
                scored += 1
    assert scored > 10
    ids = {category["id"] for category in json.loads(users_own.read_text())["categories"]}
    rows = json.loads((out / results["rows"][0]["detections"]["base"]).read_text())
    assert {row["category_id"] for row in rows} <= ids
    assert max(ids) > len(ids)  # they have gaps, or the test says nothing


def test_predict_loads_no_torch(finished, tmp_path):
    program = (
        "import sys\nfrom bench_freeze.cli import main\nstatus = main(sys.argv[1:])\n"
        "print(status, sorted({'torch', 'ultralytics', 'onnx'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, "predict", str(finished[0]), str(images(finished[0])[0].parent)]
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "check": True, "env": dict(os.environ)}
    assert subprocess.run(command, **options).stdout.endswith("0 []\n")
    assert len(list((tmp_path / "runs/predict").iterdir())) == len(images(finished[0]))
