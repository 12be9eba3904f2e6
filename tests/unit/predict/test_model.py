"""`bench_freeze.load` on real ONNX files: what the pipeline of a study finds, by head, in every form of call."""

import json
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from PIL import Image

import bench_freeze
from bench_freeze.cli import main
from bench_freeze.data.dataset import ImageRecord
from bench_freeze.deployment.pipeline import detect
from bench_freeze.engines.ort_engine import OrtEngine
from bench_freeze.errors import InputError
from bench_freeze.kernels.nms_options import NmsOptions
from bench_freeze.results.shipped import read_shipped
from tests.unit.shipping.studies import keep, model, model_json, study


@pytest.fixture
def photos(tmp_path):
    """Seven images of one grey each and of other sizes, as a data set's records."""
    records = []
    for k in range(7):
        path, size = tmp_path / "photos" / f"{k}.png", (40 + 7 * k, 90 - 11 * k)
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((*size, 3), 25 + 30 * k, np.uint8)).save(path)
        records.append(ImageRecord(k, path, size[1], size[0]))
    return records


@pytest.mark.parametrize("batch", [1, 3, None])
def test_it_finds_what_the_pipeline_finds_to_the_bit(tmp_path, photos, batch):
    file = model(tmp_path / "m.onnx", batch=batch)
    kept = detect(OrtEngine(file), type("Set", (), {"images": tuple(photos)}), NmsOptions(), batch=batch or 1)
    with bench_freeze.load(file) as loaded:
        found = loaded([record.path for record in photos])
        for head, whole in kept.items():
            assert len(whole) > 0
            for name in ("boxes_xyxy", "scores", "labels"):
                assert np.array_equal(np.concatenate([getattr(one[head], name) for one in found]), getattr(whole, name))


def test_forms_of_a_call(tmp_path, photos):
    with bench_freeze.load(str(model(tmp_path / "m.onnx"))) as loaded:
        path = photos[3].path
        one = loaded(path)
        assert loaded.heads == tuple(one) == ("base", "target")
        for same in (str(path), Image.open(path), np.asarray(Image.open(path))):
            assert np.array_equal(loaded(same)["target"].boxes_xyxy, one["target"].boxes_xyxy)
        assert loaded([]) == []
        assert len(loaded((path, path))) == 2
        assert one["base"].class_names == ("cat", "dog")


def test_options_of_the_selection(tmp_path, photos):
    file, path = model(tmp_path / "m.onnx"), photos[3].path
    found = bench_freeze.load(file)(path)["target"]
    score = float(found.scores[0])
    assert len(bench_freeze.load(file, conf=score)(path)["target"]) == 0  # above, as Ultralytics has it
    assert len(bench_freeze.load(file, conf=score - 0.01)(path)["target"]) == len(found)
    assert len(bench_freeze.load(file, max_det=1)(path)["target"]) == 1
    assert tuple(bench_freeze.load(file, head="target")(path)) == ("target",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"conf": 2}, "conf = 2 is out of range"),
        ({"conf": True}, "out of range"),
        ({"conf": "high"}, "conf = 'high' is not known"),
        ({"iou": -1}, "iou = -1 is out of range"),
        ({"head": "both"}, "has base and target only"),
        ({"max_det": 0}, "max_detections"),
        ({"engine": "onnx"}, "engine 'onnx' is not known; use torch, ort"),
        ({"engine": "torch"}, "is not one; use --engine ort"),
        ({"device": "cuda:7"}, "cuda:7"),
        ({"imgsz": 320}, "imgsz = 320 is for a .pt checkpoint"),
    ],
)
def test_options_that_cannot_be(tmp_path, options, words):
    with pytest.raises(InputError, match=words.replace(".", r"\.")):
        bench_freeze.load(model(tmp_path / "m.onnx"), **options)


@pytest.mark.parametrize("kind", ["missing", "text", "folder", "unfinished", "no best"])
def test_what_is_no_model_is_a_sentence(tmp_path, kind):
    path, words = (
        tmp_path / "m",
        {"missing": "no such model", "text": "neither an ONNX file nor a plan", "folder": "neither model.json nor"}.get(
            kind
        ),
    )
    if kind == "text":
        path.write_text("words")
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        study(path, finished=kind != "unfinished")
        words = "did not finish" if kind == "unfinished" else f"bench-freeze ship {path} writes it"
    with pytest.raises(InputError, match=words) as error:
        bench_freeze.load(path)
    assert "\n" not in str(error.value)


def test_the_command_that_a_refusal_names_makes_it_possible(tmp_path):
    out = tmp_path / "out"
    study(out)
    with pytest.raises(InputError, match=f"bench-freeze ship {out} writes it"):
        bench_freeze.load(out)
    assert main(["ship", str(out)]) == 0
    bench_freeze.load(out).close()


@pytest.fixture
def shipped(tmp_path, capsys):
    """A study's folder with its pick shipped, as the end of a run leaves it."""
    out = tmp_path / "out"
    results = study(out)
    assert main(["ship", str(out)]) == 0
    results.best = "best"
    keep(out, results)
    capsys.readouterr()
    return out


def test_a_study_its_best_folder_and_the_file_inside_are_one_model(shipped, photos):
    path, found = photos[5].path, []
    for place in (shipped, shipped / "best", shipped / "best/model.onnx"):
        with bench_freeze.load(place, conf="best") as loaded:
            assert loaded.has_thresholds
            found.append(loaded(path)["base"].to_coco(1))
    assert found[0] == found[1] == found[2]
    assert {row["category_id"] for row in found[0]} <= {17, 18}  # the ids of the study's base set


def test_best_keeps_what_reaches_its_classes_own_threshold(shipped, photos):
    head = next(head for head in read_shipped(shipped / "best").heads if head.name == "target")
    reached = set()
    with bench_freeze.load(shipped) as every, bench_freeze.load(shipped, conf="best") as best:
        for record in photos:
            found, kept = every(record.path)["target"], best(record.path)["target"]
            wanted = [s >= head.thresholds[k].score for s, k in zip(found.scores.tolist(), found.labels, strict=True)]
            assert kept.scores.tolist() == found.scores[wanted].tolist()
            reached |= set(wanted)
    assert reached == {True, False}  # or the test says nothing


def test_the_selection_of_the_study_is_the_models(shipped, photos):
    folder = shipped / "best"
    changed = model_json(folder)
    changed["selection"] |= {"max_detections": 2, "score_threshold": 0.3}
    (folder / "model.json").write_text(json.dumps(changed))
    with bench_freeze.load(shipped) as loaded:
        assert len(loaded(photos[0].path)["target"]) == 0
        assert len(loaded(photos[6].path)["target"]) == 2


@pytest.mark.parametrize("change", ["onnx", "json", "version", "lists", "engine", "classes"])
def test_a_shipped_folder_that_changed_is_refused(shipped, change):
    folder = shipped / "best"
    content = model_json(folder)
    if change == "onnx":
        model(folder / "model.onnx", heads=("target",))
    elif change == "json":
        (folder / "model.json").write_text("{")
    else:
        content |= {"schema_version": 99} if change == "version" else {}
        content["identity"] |= {"engine": "magic"} if change == "engine" else {}
        content["heads"][0]["class_names"] = ["dog", "cat"] if change == "classes" else ["cat", "dog"]
        content["heads"][0]["thresholds"] = [] if change == "lists" else content["heads"][0]["thresholds"]
        (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"model\.(onnx|json)"):
        bench_freeze.load(shipped)


def test_files_in_model_json_stay_in_its_folder(shipped):
    content = model_json(shipped / "best")
    content["files"]["onnx"]["file"] = "../../other.onnx"
    (shipped / "best/model.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"model\.json"):
        bench_freeze.load(shipped)


def test_an_onnx_file_needs_no_torch(tmp_path, photos):
    file = model(tmp_path / "m.onnx")
    program = (
        "import sys, bench_freeze\n"
        "assert bench_freeze.load(sys.argv[1])(sys.argv[2])['target'].names\n"
        "print(sorted({'torch', 'ultralytics', 'onnx', 'cv2'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, str(file), str(photos[6].path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_old_results_without_a_best_folder_are_read(tmp_path):
    results = study(tmp_path)
    assert results.best is None
    assert msgspec.to_builtins(results)["best"] is None
