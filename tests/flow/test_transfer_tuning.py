"""Fine-tuned backbones: what is frozen stays to the bit, sources start alike, a killed run goes on as if it had not."""

import re
import subprocess
import sys
import time

import numpy as np
import pytest
from tests.families import family_backbone, family_model, write_checkpoint
from tests.transfer_sets import write_shapes, write_stripes

from bench_freeze.results.transfer import decode_transfer

pytestmark = pytest.mark.slow

WHOLE = "fine-tuned-" + 12 * "?"  # an artifact that is not there whole has a longer name
FAMILIES = ["yolo11n.yaml", "yolo11n-cls.yaml", "yolov8n-cls.yaml"]


def command(*arguments):
    return [sys.executable, "-m", "bench_freeze", "transfer", *arguments]


def bench_freeze(folder, *arguments):
    return subprocess.run(command(*arguments), cwd=folder, capture_output=True, text=True, check=False)


def results_of(folder):
    return decode_transfer((folder / "transfer.json").read_bytes())


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    """Two checkpoints, stripes to classify and shapes to segment."""
    folder = tmp_path_factory.mktemp("tuning")
    write_checkpoint(folder / "detector.pt", family_model("yolo11n.yaml"))
    write_checkpoint(folder / "classifier.pt", family_model("yolo11n-cls.yaml"))
    write_stripes(folder / "stripes", train=4, val=3)
    write_shapes(folder / "shapes", train=4, val=3)
    return folder


def stripes(problem):
    from bench_freeze.data.classification_set import read_classification_set

    return read_classification_set(problem / "stripes")


def trained(backbone, freeze, data, seed=0):
    """One epoch of two steps."""
    from bench_freeze.transfer.augment import random_crop
    from bench_freeze.transfer.fine_tuning import FineTuning
    from bench_freeze.transfer.training_images import TrainingImages
    from bench_freeze.transfer.tune import fine_tune

    def target(k, view):
        return np.eye(3, dtype=np.float32)[data.train.labels[k]][:, None, None]

    images = TrainingImages(data.train.images, np.arange(12), random_crop, target, seed, 64, 6, 1)
    tuning = FineTuning((freeze,), epochs=1, batch=6)
    return fine_tune(
        backbone, freeze, 3, lambda maps: maps[-1].mean(dim=(2, 3)), images, tuning, "cpu", lambda *_: None
    )


@pytest.mark.parametrize("yaml", FAMILIES)
def test_frozen_layers_stay_to_the_bit_and_all_others_train_at_every_depth(problem, tmp_path, yaml):
    import torch

    backbone = family_backbone(tmp_path, yaml)
    data = stripes(problem)
    layers = backbone.model.model[: backbone.end]
    before = {f"model.{name}": tensor.clone() for name, tensor in layers.state_dict().items()}
    for freeze in (0, 1, backbone.end // 2, backbone.end - 1, backbone.end):
        found = trained(backbone, freeze, data)
        after = found.backbone.model.state_dict()
        assert set(after) == set(before)
        for name, tensor in after.items():
            if int(name.split(".")[1]) < freeze:
                assert torch.equal(tensor, before[name]), (freeze, name)
        weights = {name for name in after if name.endswith("conv.weight") and int(name.split(".")[1]) >= freeze}
        moved = {name for name in weights if not torch.equal(after[name], before[name])}
        assert moved == weights
        means = {name for name in after if name.endswith("running_mean") and int(name.split(".")[1]) >= freeze}
        assert all(not torch.equal(after[name], before[name]) for name in means)
        frozen = sum(int(name.split(".")[1]) < freeze for name in before)
        assert (found.course.frozen, found.course.steps, len(found.course.losses)) == (frozen, 2, 1)
        assert found.course.trained >= len(weights)
    now = {f"model.{name}": tensor for name, tensor in layers.state_dict().items()}
    assert all(torch.equal(now[name], tensor) for name, tensor in before.items())  # the source itself is left alone


def test_a_backbone_frozen_whole_has_the_probe_s_features_to_the_bit(problem, tmp_path):
    from bench_freeze.data.loader import load_batch
    from bench_freeze.transfer.frozen import FrozenBackbone

    backbone = family_backbone(tmp_path, "yolo11n-cls.yaml")
    data = stripes(problem)
    found = trained(backbone, backbone.end, data)
    images = load_batch(data.test.images, 0, 64).images
    ours, probes = (FrozenBackbone(own, "cpu").pooled(images) for own in (found.backbone, backbone))
    for one, other in zip(ours, probes, strict=True):
        assert np.array_equal(one, other)
    assert found.course.trained == 0


def test_the_seed_decides_a_training_to_the_bit(problem, tmp_path):
    import torch

    backbone, data = family_backbone(tmp_path, "yolo11n-cls.yaml"), stripes(problem)
    one, again, other = (trained(backbone, 3, data, seed) for seed in (4, 4, 5))
    state, same = one.backbone.model.state_dict(), again.backbone.model.state_dict()
    assert all(torch.equal(tensor, same[name]) for name, tensor in state.items())
    assert one.course == again.course
    assert torch.equal(one.reader.weights, again.reader.weights)
    assert one.course.losses != other.course.losses


CLASSIFY = ["--weights", "detector.pt,classifier.pt,scratch", "--classify", "stripes", "--imgsz", "64"]
TUNED = [*CLASSIFY, "--freeze", "10,0", "--epochs", "2", "--train-batch", "8", "--seeds", "0,1"]


@pytest.fixture(scope="module")
def finished(problem):
    """The command, not interrupted: what it printed and its results."""
    done = bench_freeze(problem, *TUNED, "--out", "whole")
    assert done.returncode == 0, done.stderr
    return done, results_of(problem / "whole")


def test_fine_tuned_rows_stand_beside_the_frozen_ones(finished, problem):
    done, results = finished
    found = results.classification
    assert [depth.freeze for depth in found.tuned_depths] == [10, 0]
    fits = found.fine_tuned.fits
    assert len(fits) == 2 * 3 * 2
    assert found.fine_tuned.settings["lr0"] == 3e-4
    assert found.fine_tuned.settings["epochs"] == 2
    for depth in found.tuned_depths:
        assert [own.source for own in depth.accuracy] == ["detector", "classifier", "scratch"]
        for own in depth.accuracy:
            scores = [fit.score for fit in fits if (fit.freeze, fit.source) == (depth.freeze, own.source)]
            assert own.top1.value == pytest.approx(np.mean(scores))
        values = {own.source: own.top1.value for own in depth.accuracy}
        assert len(depth.comparisons) == 3
        for pair in depth.comparisons:
            assert pair.difference.value == pytest.approx(values[pair.b] - values[pair.a])
    for fit in fits:
        whole = (fit.freeze, fit.source) == (10, "classifier")  # it has ten layers, the detector eleven
        assert (fit.trained == 0) == whole
        assert (fit.frozen == 0) == (fit.freeze == 0)
        assert (fit.train_samples, fit.steps, len(fit.losses), fit.still) == (12, 4, 2, [])
        assert max(fit.losses) < 10  # of random weights, too: readers are scaled where a training starts
    page = (problem / "whole" / "transfer.html").read_text()
    for text in (done.stdout, page):
        for words in ("frozen", "fine-tuned, freeze 10", "fine-tuned, freeze 0"):
            assert f"top-1 on stripes, {words}" in text
        assert "Fine-tuned by AdamW: 2 epochs, batches of 8" in text


def test_a_killed_run_goes_on_where_it_was_and_ends_as_if_it_had_not_been(finished, problem):
    _, results = finished
    artifacts = problem / "killed" / "artifacts"
    running = subprocess.Popen(
        command(*TUNED, "--out", "killed"), cwd=problem, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 900
        while len(list(artifacts.glob(WHOLE))) < 2 and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        running.kill()
        running.wait()
    kept = {path.parent.name: path.read_bytes() for path in artifacts.glob(f"{WHOLE}/manifest.json")}
    done = bench_freeze(problem, *TUNED, "--out", "killed")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if re.match(r"fine-tune .* (kept|[0-9.]+ s)$", line)]
    assert len(lines) == 12
    assert sum(line.endswith("kept") for line in lines) >= 2
    assert {path.parent.name: path.read_bytes() for path in artifacts.glob(f"{WHOLE}/manifest.json")}.items() >= (
        kept.items()
    )
    assert results_of(problem / "killed").classification == results.classification


def test_segmentation_is_trained_together_with_the_backbone(problem):
    asked = ["--weights", "detector.pt,scratch", "--segment", "shapes", "--imgsz", "64", "--seeds", "0,1"]
    done = bench_freeze(problem, *asked, "--freeze", "11,4", "--epochs", "2", "--out", "segments")
    assert done.returncode == 0, done.stderr
    found = results_of(problem / "segments").segmentation
    assert [depth.freeze for depth in found.tuned_depths] == [11, 4]
    assert found.fine_tuned.new == ["weights", "bias"]
    for depth in found.tuned_depths:
        assert [own.source for own in depth.accuracy] == ["detector", "scratch"]
        assert set(depth.band_comparisons) == set(found.band_comparisons)
        for own in depth.accuracy:
            scores = [f.score for f in found.fine_tuned.fits if (f.freeze, f.source) == (depth.freeze, own.source)]
            assert own.miou.value == pytest.approx(np.mean(scores))
            assert [band.width for band in own.bands] == [1, 2, 3, 5, 10, 20, 40]
            assert set(own.per_class) == {"background", "square", "bar"}
        (pair,) = depth.comparisons
        assert (pair.a, pair.b) == ("detector", "scratch")
    for fit in found.fine_tuned.fits:
        assert (fit.trained == 0) == (fit.freeze == 11)
        assert np.isfinite(fit.losses).all()
        assert max(fit.losses) < 10  # of random weights, too
    assert "fine-tuned, freeze 4" in done.stdout


BAD = [
    (["--freeze", "0,11"], "the backbone of classifier has layers 0 to 9 only; give 0 to 10"),
    (["--freeze", "0", "--epochs", "0"], "--epochs 0: give 1"),
    (["--epochs", "5"], "--epochs belongs to fine-tuning"),
    (["--freeze", "0", "--classify", "one"], "one class only, 'lying'"),
]


@pytest.mark.parametrize(("arguments", "text"), BAD)
def test_bad_input_is_a_sentence_before_any_work(problem, arguments, text):
    if not (problem / "one").exists():
        for split in ("train", "val"):
            (problem / "one" / split).mkdir(parents=True)
            (problem / "one" / split / "lying").symlink_to(problem / "stripes" / split / "lying")
    done = bench_freeze(problem, *CLASSIFY, *arguments, "--out", "bad")
    assert done.returncode == 2
    assert text in done.stderr
    assert not (problem / "bad" / "artifacts").exists()


@pytest.mark.parametrize(("task", "shown"), [(["--classify", "flowers5"], 20), (["--segment", "coco_seg"], 2)])
def test_real_checkpoints_are_fine_tuned_on_real_images(bench_freeze_data, tmp_path, task, shown):
    weights = ",".join(
        str(bench_freeze_data / "weights" / name) for name in ("yolo11n_coco.pt", "yolo11n-cls_imagenet.pt")
    )
    asked = [
        "--weights",
        weights,
        task[0],
        str(bench_freeze_data / task[1]),
        "--imgsz",
        "64",
        "--seeds",
        "0",
        "--freeze",
        "9",
    ]
    few = ["--data-fractions", "0.1" if task[0] == "--classify" else "0.03", "--epochs", "2", "--out", "out"]
    done = bench_freeze(tmp_path, *asked, *few)
    assert done.returncode == 0, done.stderr
    results = results_of(tmp_path / "out")
    found = results.classification or results.segmentation
    assert [fit.train_samples for fit in found.fine_tuned.fits] == [shown, shown]
    for fit in found.fine_tuned.fits:
        assert fit.losses[1] < fit.losses[0] * 1.2
        assert fit.frozen > 100
    (pair,) = found.tuned_depths[0].comparisons
    assert pair.shown is None  # one seed
    question = 2 if results.classification else 1
    assert [own.what.split(", ", 1)[1] for own in results.answers[question].figures] == [
        "fine-tuned, freeze 9",
        "frozen",
    ]
