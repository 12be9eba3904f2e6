"""Checkpoints that exist: their rows are those of the trainings that they came from, and nothing is trained."""

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from tests.builders import study

from bench_freeze.console import Console
from bench_freeze.planning import plan_lines, plan_run
from bench_freeze.report.reproduce import row_command
from bench_freeze.results.schema import decode

pytestmark = pytest.mark.slow

STUDY = ["--weights", "base.pt", "--target", "target/target.yaml", "--base", "base/annotations/instances_val.json"]
STUDY += ["--epochs", "1", "--imgsz", "64", "--train-batch", "8", "--optimizer", "AdamW", "--lr0", "0.005"]
STUDY += ["--engine", "torch", "--latency-samples", "0", "--resamples", "100"]
EVERYTHING = ["--construction", "branched,grafted,plain", "--ladder", "--drift"]


def bench_freeze(folder, *arguments):
    command = [sys.executable, "-m", "bench_freeze", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def results_of(folder):
    return decode((folder / "results.json").read_bytes())


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    """A folder with the demo's base checkpoint and very small data."""
    from bench_freeze.demo.checkpoint import write_base_checkpoint
    from bench_freeze.demo.coco_layout import write_base_set
    from bench_freeze.demo.yolo_layout import write_target_set

    folder = tmp_path_factory.mktemp("given")
    write_target_set(folder / "target", train=16, val=6, test=2, seed=1)
    write_base_set(folder / "base", images=6, seed=1, split="val")
    write_base_checkpoint(folder / "base.pt")
    return folder


@pytest.fixture(scope="module")
def trained(problem):
    """A study of three depths, and its checkpoints as tuned/DEPTH.pt."""
    done = bench_freeze(problem, *STUDY, *EVERYTHING, "--freeze", "22,15,10", "--out", "trained")
    assert done.returncode == 0, done.stderr
    (problem / "tuned").mkdir()
    for artifact in (problem / "trained" / "artifacts").glob("tuned-*"):
        freeze = json.loads((artifact / "manifest.json").read_text())["inputs"]["arguments"]["freeze"]
        shutil.copy(artifact / "tuned.pt", problem / "tuned" / f"{freeze}.pt")
    return results_of(problem / "trained")


@pytest.fixture(scope="module")
def given(problem, trained):
    """The same checkpoints, given: their depths are found."""
    done = bench_freeze(problem, *STUDY, *EVERYTHING, "--tuned", "tuned/*.pt", "--out", "given")
    assert done.returncode == 0, done.stderr
    return done, results_of(problem / "given")


def measured(row):
    """What must not depend on where a checkpoint came from."""
    names: tuple[str, ...] = ("freeze", "seed", "construction", "graft_at", "target", "target_merged")
    names += ("base", "base_merged")
    names += ("base_original", "base_delta_map", "base_output", "ladder", "analysis", "target_test", "data_sha256")
    return {name: getattr(row, name) for name in names} | {"weights": row.artifact.weights_sha256}


def test_given_checkpoints_have_the_rows_of_their_trainings_and_nothing_is_trained(problem, trained, given):
    done, results = given
    assert "fine-tune " not in done.stderr
    order = {(row.freeze, row.construction): measured(row) for row in results.rows}
    assert order == {(row.freeze, row.construction): measured(row) for row in trained.rows}
    assert [row.freeze for row in results.rows[::3]] == [10, 15, 22]  # in the order of the files
    for row in results.rows:
        assert row.recipe == "given"
        assert row.train.seconds is None
        assert row.train.given.file == f"tuned/{row.freeze}.pt"
        assert row.train.given.stated_freeze is None
        assert row.train.given.arguments_from is None  # this tool writes no arguments into its files
        assert row.train.audit["parameters"] > 0
    for freeze in (22, 15, 10):
        assert f"tuned/{freeze}.pt: freeze {freeze}, found by comparing weights" in done.stderr
    assert results.recommendation is not None
    trainings = [c for c in results.statistics.comparisons if c.between == "trainings" and c.number == "map"]
    before = [c for c in trained.statistics.comparisons if c.between == "trainings" and c.number == "map"]
    assert sorted(abs(c.difference.value) for c in trainings) == sorted(abs(c.difference.value) for c in before)


def test_the_page_says_that_they_were_given_and_how_to_make_a_row_again(problem, given):
    _, results = given
    page = (problem / "given" / "report.html").read_text()
    assert "tuned/15.pt" in page
    assert "found by comparing bits" in page
    row = results.rows[0]
    command = shlex.split(row_command(results, row))
    assert command[command.index("--tuned") + 1] == "10/0=tuned/10.pt"
    assert "--freeze" not in command
    done = bench_freeze(problem, *command[1:], "--out", "again")
    assert done.returncode == 0, done.stderr
    (again,) = results_of(problem / "again").rows
    assert measured(again) | {"ladder": None} == measured(row) | {"ladder": None}


def test_beside_trained_arms_in_one_folder(problem, trained, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(problem / "trained", out)
    arguments = ["--freeze", "22", "--tuned", "22/0=tuned/22.pt,10/0=tuned/10.pt", "--construction", "branched"]
    done = bench_freeze(problem, *STUDY, *arguments, "--out", out)
    assert done.returncode == 0, done.stderr
    rows = results_of(out).rows
    assert [(row.freeze, row.recipe) for row in rows] == [(22, "static"), (22, "given"), (10, "given")]
    assert measured(rows[0]) | {"seed": 0} == measured(rows[1])
    lines = [line for line in done.stderr.splitlines() if re.match(r"(\d+/\d+ )?(fine-tune|run) \S.* (kept|s)$", line)]
    assert lines
    assert all(line.endswith("kept") for line in lines)  # the same weights: the same models and detections
    names = {arm.name for arm in results_of(out).statistics.arms}
    assert {"branched 22 static", "branched 22 given"} <= names


def test_runs_of_a_depth_and_a_stranger(problem, trained):
    """Two seeds of one depth are one arm; a checkpoint with nothing of the base in it is measured plain, and why."""
    import torch

    from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint

    for name, amount in (("second.pt", 0.01), ("stranger.pt", 0.02)):
        model = load_checkpoint(problem / "tuned" / "22.pt").model
        torch.manual_seed(1)
        with torch.no_grad():
            for layer in model.model[22 if name == "second.pt" else 0 :]:
                for label, parameter in layer.named_parameters():
                    if "dfl" not in label:
                        parameter.add_(torch.randn_like(parameter) * amount)
        save_checkpoint(problem / name, model, half=True)
    tuned = "22/0=tuned/22.pt,22/1=second.pt,stranger.pt"
    done = bench_freeze(problem, *STUDY, "--tuned", tuned, "--ladder", "--out", "runs")
    assert done.returncode == 0, done.stderr
    results = results_of(problem / "runs")
    assert [(row.freeze, row.seed, row.construction) for row in results.rows] == [
        (22, 0, "branched"), (22, 0, "grafted"), (22, 1, "branched"), (22, 1, "grafted"), (0, 0, "plain"),
    ]  # fmt: skip
    assert any(arm.seeds == [0, 1] for arm in results.statistics.arms)
    assert [row.ladder is not None for row in results.rows] == [True, True, False, False, False]
    reason = results.rows[-1].train.given.left_out["grafted"]
    assert "measured as plain only" in reason
    assert any(reason in warning for warning in results.warnings)
    assert reason in done.stderr
    assert "measured as plain only" in (problem / "runs" / "report.html").read_text()


def options(problem, out, **own):
    """The study of these tests as a value, with paths that hold in any folder."""
    paths = {"weights": "base.pt", "target": "target/target.yaml", "base": "base/annotations/instances_val.json"}
    usual = {"epochs": 1, "imgsz": 64, "train_batch": 8, "optimizer": "AdamW", "lr0": 0.005, "engine": "torch"}
    usual |= {"latency_samples": 0, "resamples": 100, "construction": ["branched", "grafted", "plain"]}
    usual |= {"ladder": True, "drift": True, "out": str(problem / out)}
    return study(**usual | {name: str(problem / path) for name, path in paths.items()} | own)


def test_a_plan_says_what_is_kept_and_makes_nothing(problem, trained):
    before = sorted(path.relative_to(problem) for path in (problem / "trained").rglob("*"))
    plan = plan_run(options(problem, "trained", freeze=[22, 15, 10]), Console(plain=True))
    assert {one.kind: (one.steps, one.kept) for one in plan.kinds} == {
        "trainings": (3, 3),
        "models deployed": (9, 9),  # the original; plain, branched and grafted, of freeze 22 the last two are one
        "runs over a data set": (25, 25),
        "analyses": (3, 3),
    }
    assert plan.seconds == 0
    more = plan_run(options(problem, "trained", freeze=[22, 15, 10, 5]), Console(plain=True))
    by_kind = {one.kind: one for one in more.kinds}
    assert (by_kind["trainings"].steps, by_kind["trainings"].kept) == (4, 3)
    assert (by_kind["runs over a data set"].steps, by_kind["runs over a data set"].kept) == (34, 25)
    assert by_kind["trainings"].seconds > 0
    assert by_kind["runs over a data set"].seconds > 0
    assert more.disk_bytes["tuned checkpoints"] > 0
    assert "freeze 5 seed 0: 1 training, 1 analysis, 3 models deployed, 9 runs over a data set" in "\n".join(
        plan_lines(more)
    )
    assert sorted(path.relative_to(problem) for path in (problem / "trained").rglob("*")) == before


def test_a_plan_without_the_weights_says_that_they_would_be_downloaded(problem):
    plan = plan_run(options(problem, "other", weights="yolov8n.pt", freeze=[22]), Console(plain=True))
    assert "Downloads: yolov8n.pt" in "\n".join(plan_lines(plan))
    assert not (problem / "other").exists()


def test_a_plan_ends_with_the_sentence_of_a_run(problem, trained):
    done = bench_freeze(problem, *STUDY, "--tuned", "22=tuned/10.pt", "--out", "wrong", "--plan")
    assert done.returncode == 2
    assert "was not fine-tuned with freeze 22: model.12" in done.stderr
