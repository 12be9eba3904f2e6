"""The way out of a finished study: its best/ folder, the callable, the plain ONNX recipe, detections for others."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.flow.studies import SHORT, artifacts, bench_freeze

import bench_freeze as package
from bench_freeze.deployment.pipeline import load_detections
from bench_freeze.results.schema import decode
from bench_freeze.results.shipped import read_shipped
from bench_freeze.shipping.choose import picked_row

pytestmark = pytest.mark.slow
RECIPE = Path(__file__).parents[2] / "docs" / "onnx_runtime.md"


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
    """The embedded images have the canvas' size, so both see one picture; the two foldings of BatchNorm round apart."""
    from ultralytics import YOLO

    out, _, _ = finished
    yolo, matched = YOLO(out / "best" / "tuned.pt"), 0
    with package.load(out, conf=0.2) as model:
        for path in images(out)[:12]:
            ours = model(path)["target"]
            theirs = yolo.predict(path, imgsz=model.imgsz, conf=0.25, iou=0.7, verbose=False)[0]
            for box, score, label in zip(
                theirs.boxes.xyxy.numpy(), theirs.boxes.conf.numpy(), theirs.boxes.cls.numpy(), strict=True
            ):
                assert theirs.names[int(label)] in ours.class_names
                same = (ours.labels == int(label)) & (np.abs(ours.scores - score) < 1e-3)
                assert np.abs(ours.boxes_xyxy[same] - box).max(axis=1).min() < 0.1
                matched += 1
    assert matched > 10


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


def test_the_plain_recipe_finds_what_the_callable_finds(finished, tmp_path, monkeypatch):
    """On images of other sizes and shapes than the canvas, which are resized."""
    (recipe,) = snippets(RECIPE)
    shutil.copy(finished[0] / "best/model.onnx", tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    compared = 0
    for path, size in zip(
        images(finished[0])[2:8], [(160, 160), (333, 251), (97, 200), (640, 90), (161, 159), (40, 41)], strict=True
    ):
        Image.open(path).convert("RGB").resize(size).save("image.jpg", quality=95)
        with contextlib.redirect_stdout(io.StringIO()):
            exec(recipe, names := {})
        with package.load("model.onnx", conf=0.25) as model:
            ours = model("image.jpg")
        assert names["found"].keys() == ours.keys()
        for head, rows in names["found"].items():
            # Boxes of one score may come in either order.
            theirs = sorted((-score, name, *box) for name, score, box in rows)
            own = ours[head]
            assert sorted((-float(s), n) for s, n in zip(own.scores, own.names, strict=True)) == [r[:2] for r in theirs]
            corners = np.array([[left, top, left + w, top + h] for *_, left, top, w, h in theirs]).reshape(-1, 4)
            corners = np.clip(corners, 0, [*size, *size])
            for (score, name, *_), box in zip(theirs, corners, strict=True):
                same = [k for k in range(len(own)) if own.names[k] == name and -float(own.scores[k]) == score]
                assert np.abs(own.boxes_xyxy[same] - box).max(axis=1).min() < 0.01
                compared += 1
    assert compared > 10


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
