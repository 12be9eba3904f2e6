"""A study of three checkpoints for real: two of one architecture, one of another whose head knows no base class."""

import json
import re
import shlex
import subprocess
import sys

import pytest

from bench_freeze.report.reproduce import row_command
from bench_freeze.results.schema import decode

pytestmark = pytest.mark.slow

DATA = ["--target", "target/target.yaml", "--base", "base/annotations/instances_val.json"]
SHORT = ["--epochs", "1", "--imgsz", "160", "--train-batch", "8", "--optimizer", "AdamW", "--lr0", "0.005"]
SHORT += ["--engine", "torch", "--latency-samples", "0", "--construction", "grafted", "--resamples", "100"]
FILES = {"base": "base.pt", "changed": "other/changed.pt", "eleven": "eleven.pt"}


def bench_freeze(folder, *arguments):
    command = [sys.executable, "-m", "bench_freeze", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def results_of(folder):
    return decode((folder / "results.json").read_bytes())


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    """A folder with small data and three checkpoints."""
    import torch
    from ultralytics.nn.tasks import yaml_model_load

    from bench_freeze.demo.checkpoint import build_model, write_base_checkpoint
    from bench_freeze.demo.coco_layout import write_base_set
    from bench_freeze.demo.train_base import SCALE
    from bench_freeze.demo.yolo_layout import write_target_set
    from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint

    folder = tmp_path_factory.mktemp("pretrainings")
    write_target_set(folder / "target", train=40, val=16, test=4, seed=1)
    write_base_set(folder / "base", images=16, seed=1, split="val")
    model = load_checkpoint(write_base_checkpoint(folder / FILES["base"])).model
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "dfl" not in name:
                parameter.add_(torch.randn_like(parameter) * 0.01)
    (folder / "other").mkdir()
    save_checkpoint(folder / FILES["changed"], model, half=True)
    described = yaml_model_load("yolo11n.yaml") | {"scales": {"n": [0.5, SCALE[1], SCALE[2]]}, "nc": 2}
    save_checkpoint(folder / FILES["eleven"], build_model(described, {0: "cat", 1: "dog"}), half=False)
    return folder


@pytest.fixture(scope="module")
def finished(problem):
    """The study on two shares of the images, with scratch arms: what it printed and its results."""
    asked = ["--weights", ",".join(FILES.values()), "--freeze", "22", "--data-fractions", "0.5,1", "--scratch"]
    asked += ["--unmatched-classes", "ignore", "--breakdown", "--ladder", "--features", "--recover", "1"]
    done = bench_freeze(problem, *DATA, *SHORT, *asked, "--out", "out")
    assert done.returncode == 0, done.stderr
    return done, results_of(problem / "out")


def test_every_checkpoint_is_a_base_of_its_own(finished):
    _, results = finished
    own = {found.name: found for found in results.pretrainings}
    assert {name: found.file for name, found in own.items()} == FILES
    assert results.weights["sha256"] == own["base"].sha256
    assert [original.weights for original in results.originals] == list(FILES)
    before = {original.weights: original.base.map for original in results.originals}
    assert before["base"] > before["changed"] > 0
    assert before["eleven"] is None
    assert [original.artifact.weights_sha256 for original in results.originals] == [p.sha256 for p in own.values()]
    for row in results.rows:
        assert row.base_original.map == before[row.weights]
        if row.recipe == "static" and row.weights != "eleven":
            assert row.base_delta_map == 0  # head only: its base head is its own checkpoint's, to the last bit
    tuned = {(r.weights, r.data_fraction): r.artifact.weights_sha256 for r in results.rows if r.recipe == "static"}
    assert len(set(tuned.values())) == len(tuned) == 6


def test_scratch_is_trained_once_for_each_architecture(finished):
    _, results = finished
    own = {found.name: found.architecture for found in results.pretrainings}
    assert own["base"] == own["changed"] != own["eleven"]
    scratch = [(row.weights, row.data_fraction) for row in results.rows if row.recipe == "scratch"]
    assert scratch == [("base", 0.5), ("base", 1.0), ("eleven", 0.5), ("eleven", 1.0)]


def test_a_head_without_base_classes_is_said_and_its_rows_have_target_accuracy(finished):
    done, results = finished
    (warning,) = [text for text in results.warnings if "shares no class" in text]
    assert "the base head of eleven shares no class with instances_val" in warning
    assert warning in done.stderr
    rows = [row for row in results.rows if row.weights == "eleven"]
    assert len(rows) == 4
    assert all(row.base.map is None and row.base_delta_map is None and row.target.map is not None for row in rows)
    assert all(row.ladder is None and row.analysis.recovery is None for row in rows)
    assert all(row.analysis.features.base.probe is None and row.analysis.features.target.probe for row in rows)
    scored = [row for row in results.rows if row.weights != "eleven"]
    assert all(row.ladder and row.analysis.recovery for row in scored)


def test_the_gain_of_each_is_over_the_scratch_of_its_architecture(finished, problem):
    _, results = finished
    gains = results.statistics.gain.gains
    assert [(gain.weights, gain.data_fraction) for gain in gains] == [
        (weights, share) for weights in FILES for share in (0.5, 1.0)
    ]
    found = {(r.weights, r.recipe, r.data_fraction): r.target for r in results.rows}
    for gain in gains:
        whose = "eleven" if gain.weights == "eleven" else "base"
        own = found[gain.weights, "static", gain.data_fraction]
        scratch = found[whose, "scratch", gain.data_fraction]
        assert gain.map50.value == own.map50 - scratch.map50
        assert gain.by_iou["0.10"].value == own.breakdown.by_iou["0.10"].value - scratch.breakdown.by_iou["0.10"].value
        assert len(gain.by_iou) == 18
        assert gain.by_iou["0.10"].covers == "images"
        assert gain.training_images == 40 * gain.data_fraction
    assert [trend.name for trend in results.statistics.gain.trends] == [f"{name} freeze 22" for name in FILES]
    whole = bench_freeze(problem, "report", "out/results.json", "--verbose").stdout
    assert "Gain over scratch" in whole
    assert "50 % (20 images)" in whole


def test_the_report_and_the_check_read_it(finished, problem):
    page = (problem / "out" / "report.html").read_text()
    assert "plot-protocol" not in page
    for text in (
        "plot-gain-data",
        "plot-gain-iou",
        "grafted 22 static 0.5 changed",
        "weights changed sha256",
    ):
        assert text in page
    examples = json.loads((problem / "out" / "examples.json").read_text())
    heads = {found.name: found.classes for found in finished[1].pretrainings}
    assert examples["head_classes"]["base"] == [name for own in heads.values() for name in own]
    shown = {position for model in examples["models"] for position in model["rows"]}
    assert {-1, -2} <= shown
    assert {finished[1].rows[position].weights for position in shown if position >= 0} == set(FILES)
    off = ["--max-latency-increase", "off"]
    checked = bench_freeze(problem, "check", "out/results.json", "--baseline", "out/results.json", *off)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_row_is_made_again_from_its_own_checkpoint(finished, problem):
    """In the same folder its training is found again: the key is that of a study of this checkpoint alone."""
    _, results = finished
    row = next(r for r in results.rows if (r.weights, r.recipe, r.data_fraction) == ("changed", "static", 0.5))
    command = row_command(results, row).replace("--out out", "--out again")
    assert "--weights other/changed.pt --" in command
    (problem / "again").mkdir()
    (problem / "again" / "artifacts").symlink_to(problem / "out" / "artifacts")
    done = bench_freeze(problem, *shlex.split(command)[1:])
    assert done.returncode == 0, done.stderr
    (alone,) = results_of(problem / "again").rows
    assert alone.artifact.weights_sha256 == row.artifact.weights_sha256
    assert (alone.target.map, alone.base.map, alone.weights) == (row.target.map, row.base.map, None)
    made = [line.split()[-1] for line in done.stderr.splitlines() if re.search(r"^\d+/\d+ (fine-tune|run) ", line)]
    assert made
    assert set(made) == {"kept"}


def test_what_a_checkpoint_does_not_fit_is_said_with_its_name(problem):
    asked = ["--weights", ",".join(FILES.values()), *DATA, *SHORT, "--out", "refused"]
    unmatched = bench_freeze(problem, *asked)
    assert unmatched.returncode == 2
    assert "the base head of eleven" in unmatched.stderr
    assert "--unmatched-classes ignore" in unmatched.stderr
    too_deep = bench_freeze(problem, *asked, "--freeze", "23", "--unmatched-classes", "ignore")
    assert too_deep.returncode == 2
    assert "base: freeze = 23 is not possible" in too_deep.stderr
    alone = bench_freeze(problem, "--weights", "eleven.pt", *asked[2:], "--unmatched-classes", "ignore")
    assert alone.returncode == 2
    assert "is it the right data set?" in alone.stderr
    assert not (problem / "refused" / "results.json").exists()


def test_default_depths_are_each_architecture_s_own(problem):
    from bench_freeze.artifact import ArtifactStore
    from bench_freeze.config.study import study_from
    from bench_freeze.console import Console
    from bench_freeze.study.arms import arms_of
    from bench_freeze.study.inputs import read_inputs

    values = {"weights": [str(problem / file) for file in FILES.values()], "imgsz": 160, "scratch": True}
    values |= {"target": str(problem / DATA[1]), "base": str(problem / DATA[3]), "unmatched_classes": "ignore"}
    study = study_from(values, "test")
    every = read_inputs(study, ArtifactStore(problem / "store"), Console(plain=True))
    arms = [[(arm.freeze, arm.recipe.name) for arm in arms_of(study.training, inputs, every)] for inputs in every]
    eight = [(22, "static"), (15, "static"), (10, "static")]
    assert arms == [
        [*eight, (0, "scratch")],
        eight,
        [(23, "static"), (16, "static"), (11, "static"), (0, "scratch")],
    ]
    assert [inputs.name for inputs in every] == list(FILES)
    assert every[0].target is every[2].target  # read once
