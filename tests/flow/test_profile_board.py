"""`bench-freeze profile` as on a board: accuracy and latency of a deployed file, no framework installed."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from PIL import Image
from tests.tiny_onnx import SIZE, write_two_heads

from bench_freeze import cli
from bench_freeze.results.profile import decode_profile

QUICK = ["--seconds", "0.3", "--samples", "20"]
BLOCKED = (
    "torch",
    "torchvision",
    "ultralytics",
    "onnx",
    "onnxscript",
    "cv2",
    "scipy",
    "matplotlib",
    "pandas",
    "psycopg",
)
PROGRAM = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED!r}:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Blocker())
from bench_freeze.cli import main
status = main(sys.argv[1:])
print("LOADED", sorted(set({BLOCKED!r}) & set(sys.modules)))
sys.exit(status)
"""


def write_set(folder: Path, names, boxes):
    """A COCO set of red squares of 32 pixels, one box each."""
    images, annotations = [], []
    (folder / "images").mkdir(parents=True)
    for i, box in enumerate(boxes, start=1):
        Image.new("RGB", (SIZE, SIZE), (200 - i, 0, 0)).save(folder / "images" / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": SIZE, "height": SIZE})
        entry = {"id": i, "image_id": i, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        annotations.append(entry)
    categories = [{"id": k, "name": name} for k, name in enumerate(names, start=1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(content))
    return str(folder / "instances.json")


@pytest.fixture
def board(tmp_path, monkeypatch):
    """A folder with what is carried to a board: the model and two sets. One of the target set's boxes is elsewhere."""
    monkeypatch.chdir(tmp_path)
    write_two_heads(tmp_path / "m.onnx")
    right, wrong = [8, 8, 16, 16], [0, 0, 6, 6]
    write_set(tmp_path / "fruit", ("pear", "plum"), [right, wrong])
    write_set(tmp_path / "pets", ("cat", "dog"), [right, right])
    return ["--target", "fruit/instances.json", "--base", "pets/instances.json"]


def run_without_frameworks(*arguments):
    return subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False)


def test_accuracy_and_latency_without_any_framework(board):
    done = run_without_frameworks("profile", "m.onnx", *board, *QUICK)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "LOADED []" in done.stdout
    profile = decode_profile(Path("m.profile.json").read_bytes())
    assert profile.finished
    found = {(scored.role, scored.head): scored for scored in profile.accuracy}
    assert list(found) == [("target", "target"), ("base", "base")]
    assert found["base", "base"].alone.map == 1.0
    # One of two boxes is found; the other's detection, found where nothing is, is the second best or the best.
    assert found["target", "target"].alone.map == pytest.approx(0.5, abs=0.26)
    assert found["target", "target"].alone.map < 1.0
    assert found["base", "base"].merged is not None
    assert profile.images.startswith("16 in turn, of instances and instances")
    assert profile.latency.pipeline.p50_s > profile.latency.model.p50_s > 0
    assert "target head on instances (2 images): mAP" in done.stdout


def test_a_plan_on_a_board_without_a_gpu_is_explained_without_any_framework(board):
    Path("m.plan").write_bytes(b"plan")
    done = run_without_frameworks("profile", "m.plan", *board)
    assert done.returncode == 2
    assert "--engine trt cannot run on cuda:0 here" in done.stderr
    done = run_without_frameworks("profile", "m.onnx", "--engine", "trt")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_same_numbers_as_a_study_would_give(board):
    """One head alone and both under one limit, by the scorer of `run`."""
    from bench_freeze.data.classes import map_classes
    from bench_freeze.data.source import open_base
    from bench_freeze.deployment.accuracy import score
    from bench_freeze.deployment.pipeline import detect
    from bench_freeze.engines.ort_engine import OrtEngine
    from bench_freeze.kernels.nms_options import NmsOptions

    assert cli.main(["profile", "m.onnx", *board, *QUICK]) == 0
    profile = decode_profile(Path("m.profile.json").read_bytes())
    data = open_base(Path("fruit/instances.json"), None, "val")
    classes = map_classes(data.class_names, data.class_names, unmatched="error", head="", data="")
    found = detect(OrtEngine(Path("m.onnx")), data, NmsOptions(), batch=1)
    alone = profile.accuracy[0].alone
    assert alone.matches is not None  # the entry of the match file beside the profile
    assert alone.curves is not None
    plain = msgspec.structs.replace(alone, matches=None, curves=None)  # which keeping adds
    assert plain == score(found["target"], classes, data).accuracy
    assert profile.accuracy[0].data_sha256 == data.sha256


def test_a_model_with_one_head_is_scored_with_it_on_either_set(board):
    write_two_heads(Path("one.onnx"), ("base",))
    assert cli.main(["profile", "one.onnx", "--target", "pets/instances.json", *QUICK]) == 0
    (scored,) = decode_profile(Path("one.profile.json").read_bytes()).accuracy
    assert (scored.role, scored.head, scored.alone.map) == ("target", "base", 1.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "pets/instances.json"], "has no category"),
        (["--target", "pets/instances.json", "--unmatched-classes", "ignore"], "is it the right data set?"),
        (["--base-images", "pets/images"], "belongs to --base, which is missing"),
        (["--base", "nowhere.json"], "nowhere.json"),
        (["--engine", "ort-trt"], "has no CUDA provider"),
    ],
)
def test_wrong_sets_are_refused_before_anything_is_measured(board, arguments, words, capsys):
    assert cli.main(["profile", "m.onnx", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not Path("m.profile.json").exists()
