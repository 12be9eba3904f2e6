"""A study of a detector, a classifier and random weights: neck and head start equal where a source lacks them."""

import subprocess
import sys

import pytest
from tests.families import family_model, write_checkpoint

from bench_freeze.results.schema import decode

pytestmark = pytest.mark.slow

DATA = ["--target", "target/target.yaml", "--base", "base/annotations/instances_val.json"]
SHORT = ["--epochs", "1", "--imgsz", "64", "--train-batch", "8", "--optimizer", "AdamW", "--lr0", "0.005"]
SHORT += ["--engine", "torch", "--latency-samples", "0", "--resamples", "100"]
FORMS = ["--construction", "branched,grafted,plain"]


def bench_freeze(folder, *arguments):
    command = [sys.executable, "-m", "bench_freeze", "run", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    """Small data, the embedded detector, and classifiers of its size and of another family."""
    from bench_freeze.demo.checkpoint import write_base_checkpoint
    from bench_freeze.demo.coco_layout import write_base_set
    from bench_freeze.demo.train_base import SCALE
    from bench_freeze.demo.yolo_layout import write_target_set

    folder = tmp_path_factory.mktemp("sources")
    write_target_set(folder / "target", train=12, val=6, test=2, seed=1)
    write_base_set(folder / "base", images=6, seed=1, split="val")
    write_base_checkpoint(folder / "detector.pt")
    write_checkpoint(folder / "classifier.pt", family_model("yolov8n-cls.yaml", width=SCALE[1], most=SCALE[2]))
    write_checkpoint(folder / "eleven.pt", family_model("yolo11n-cls.yaml", width=SCALE[1], most=SCALE[2]))
    return folder


@pytest.fixture(scope="module")
def finished(problem):
    """The study, classifier first: what it printed and its results."""
    asked = ["--weights", "classifier.pt,detector.pt,scratch", "--freeze", "9,0", "--breakdown"]
    asked += ["--protocols", "voc-all,coco,voc-11"]
    done = bench_freeze(problem, *DATA, *SHORT, *FORMS, *asked, "--out", "out")
    assert done.returncode == 0, done.stderr
    return done, decode((problem / "out" / "results.json").read_bytes())


def test_which_tensors_came_is_in_the_results_by_name(finished):
    _, results = finished
    own = {found.name: found for found in results.pretrainings}
    assert own["detector"].taken is None
    taken = own["classifier"].taken
    assert taken.layers == 9
    assert {name.split(".")[1] for name in taken.came} == {str(k) for k in range(9)}
    assert {name.split(".")[1] for name in taken.left} == {"9"}  # the classifier's head
    assert {int(name.split(".")[1]) for name in taken.new} == {9, 12, 15, 16, 18, 19, 21, 22}
    assert own["classifier"].architecture == own["detector"].architecture


def test_a_classifier_s_rows_have_target_accuracy_and_no_base_head(finished):
    done, results = finished
    warning = next(text for text in results.warnings if text.startswith("classifier gave its backbone"))
    assert "has no base head" in warning
    assert warning in done.stderr
    rows = [row for row in results.rows if row.weights == "classifier"]
    assert {(row.freeze, row.construction) for row in rows} == {
        (freeze, name) for freeze in (9, 0) for name in ("branched", "grafted", "plain")
    }
    assert all(row.base is None or row.base.map is None for row in rows)
    assert all(row.target.map is not None and row.base_delta_map is None for row in rows)
    assert all(row.recipe == "static" for row in rows)


def test_random_weights_belong_to_the_detector_and_the_gain_is_over_them(finished):
    _, results = finished
    assert {row.weights for row in results.rows if row.recipe == "scratch"} == {"detector"}
    gains = {(gain.weights, gain.freeze) for gain in results.statistics.gain.gains}
    assert gains == {("classifier", 9), ("classifier", 0), ("detector", 9), ("detector", 0)}


def test_sources_are_compared_by_protocol_iou_and_size(finished, problem):
    """Without the option nothing of it is there: test_pretrainings has such a study."""
    _, results = finished
    found = results.statistics.protocols
    assert found.objects["all"] == sum(row.ground_truth for row in results.rows[0].target.per_class.values())
    pairs = {(pair.source, pair.over_source, pair.freeze) for pair in found.differences}
    assert pairs == {
        ("classifier", "detector", 9), ("classifier", "detector", 0),
        *((source, "scratch", freeze) for source in ("classifier", "detector") for freeze in (9, 0)),
    }  # fmt: skip
    for row in results.rows:
        own = row.target.by_protocol
        assert list(own) == ["voc-all", "coco", "voc-11"]
        assert {iou: own["coco"].ap["all"][iou] for iou in row.target.ap_by_iou} == row.target.ap_by_iou
        assert row.base.by_protocol is None
    page = (problem / "out" / "report.html").read_text()
    for text in ("plot-protocol-voc-all", "plot-protocol-coco", "plot-protocol-sources"):
        assert text in page
    text = problem / "report.md"
    subprocess.run([sys.executable, "-m", "bench_freeze", "report", problem / "out", "--markdown", text], check=True)
    assert text.read_text().count("| voc-11 | ") >= len(found.trainings)


def test_neck_and_head_start_equal_for_a_classifier_and_for_random_weights(problem):
    import torch

    from bench_freeze.dualhead.backbone import load_backbone
    from bench_freeze.dualhead.checkpoint import load_checkpoint
    from bench_freeze.dualhead.detector_with import detector_with
    from bench_freeze.finetune.head_init import from_backbone, from_scratch

    detector, source = load_checkpoint(problem / "detector.pt"), load_backbone(problem / "classifier.pt")
    made = detector_with(source, detector, ("classifier", "detector"))
    torch.manual_seed(3)
    scratch, _ = from_scratch(detector.model, ("a", "b"))
    torch.manual_seed(3)
    taken, _ = from_backbone(made.model, ("a", "b"), made.taken.layers)
    theirs = scratch.state_dict()
    for name, tensor in taken.state_dict().items():
        expected = source.model.state_dict()[name] if int(name.split(".")[1]) < 9 else theirs[name]
        assert torch.equal(tensor, expected), name


BAD = [
    (["--weights", "classifier.pt,detector.pt", "--freeze", "22"], "layers 9 to 22 start from the seed"),
    (["--weights", "eleven.pt,detector.pt", "--freeze", "0"], "backbone of eleven does not fit: layer 2 is C3k2"),
    (["--weights", "classifier.pt", "--freeze", "0"], "a head for whole images"),
    (["--weights", "classifier.pt,eleven.pt", "--freeze", "0"], "is not a detector, and neither is any other"),
    (["--weights", "scratch", "--freeze", "0"], "alone defines no layers"),
    (["--weights", "classifier.pt,detector.pt", "--freeze", "0", "--recipe", "distill"], "recipe distill needs"),
]


@pytest.mark.parametrize(("arguments", "text"), BAD)
def test_what_cannot_be_taken_over_is_a_sentence_before_any_work(problem, arguments, text):
    done = bench_freeze(problem, *DATA, *SHORT, *arguments, "--out", "bad")
    assert done.returncode == 2
    assert text in done.stderr
    assert not list((problem / "bad" / "artifacts").glob("tuned-*"))
