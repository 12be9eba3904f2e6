"""Looks at arms in training: they change nothing, are the project's own numbers, and decide what they should."""

import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from tests.builders import training

from bench_freeze.artifact import ArtifactStore
from bench_freeze.data.classes import map_classes
from bench_freeze.data.source import open_base, open_target
from bench_freeze.data.subset import keep_images
from bench_freeze.deployment.accuracy import score
from bench_freeze.deployment.deployment import Candidate
from bench_freeze.deployment.pipeline import detect
from bench_freeze.dualhead.branch import DEFAULT
from bench_freeze.finetune.arm import CHECKPOINT, EPOCHS, Arm, load_tuned
from bench_freeze.finetune.held_out import HeldOut
from bench_freeze.finetune.progress import ProgressStore
from bench_freeze.finetune.training import fine_tune
from bench_freeze.kernels.nms_options import NmsOptions
from bench_freeze.results.training_curves import HeldOutCurve, HeldOutPoint

pytestmark = pytest.mark.slow

VALUES = {
    "epochs": 3, "imgsz": 96, "train_batch": 4, "optimizer": "AdamW", "lr0": 0.005, "workers": 1,
    "train_args": {"close_mosaic": 1, "nbs": 8},
}  # fmt: skip
ARMS = [Arm(22, 0), Arm(15, 0), Arm(10, 0)]
SELECTION = NmsOptions(0.001, 0.7, 300)


@pytest.fixture(scope="module")
def exact(base):
    """The base checkpoint, saved without rounding: what a look scores is what is kept, to the bit."""
    return replace(base, half=False)


@pytest.fixture(scope="module")
def few(embedded_data):
    """Ten training images, and what is held out: eight others, and twelve base images."""
    split, _ = open_target(embedded_data[1], None, None, "val")
    base_set = keep_images(open_base(embedded_data[2], None, "val"), range(12))
    return keep_images(split, range(10)), keep_images(split, range(10, 18)), base_set


@pytest.fixture(scope="module")
def held_out(base, few):
    _, target, base_set = few
    classes = map_classes(base.class_names, base_set.class_names, unmatched="error", head="head", data="base")
    return HeldOut(target, 18, base_set, classes, SELECTION, DEFAULT)


def train(folder, base, data, held_out=None, on_epoch=lambda done, total: None, arms=ARMS, **changes):
    options = training(**{**VALUES, **changes})
    return [a for a, _ in fine_tune(options, arms, base, data, ArtifactStore(folder), on_epoch, held_out=held_out)]


@pytest.fixture(scope="module")
def without(exact, few, tmp_path_factory):
    return train(tmp_path_factory.mktemp("without"), exact, few[0])


@pytest.fixture(scope="module")
def looked_at(exact, few, held_out, tmp_path_factory):
    return train(tmp_path_factory.mktemp("looked"), exact, few[0], held_out, val_every=1)


def hashes(artifacts):
    return [artifact.sha256(CHECKPOINT) for artifact in artifacts]


def curve(artifact):
    import msgspec

    return msgspec.convert(artifact.facts["held_out"], HeldOutCurve)


def test_looks_change_no_weight(without, looked_at):
    assert hashes(looked_at) == hashes(without)
    assert not {a.key for a in looked_at} & {a.key for a in without}
    assert all("held_out" not in a.facts for a in without)


def test_a_look_is_what_the_deployed_model_scores(exact, few, held_out, looked_at):
    from bench_freeze.engines.torch_engine import TorchEngine

    _, target, base_set = few
    own = map_classes(target.class_names, target.class_names, unmatched="error", head="head", data="target")
    before = TorchEngine(Candidate("original", exact).module(), Candidate("original", exact).card(96, None), "cpu")
    original = score(detect(before, base_set, SELECTION, batch=4)["base"], held_out.base_classes, base_set).accuracy
    for artifact, arm in zip(looked_at, ARMS, strict=True):
        found = curve(artifact)
        assert [point.epoch for point in found.points] == [0, 1, 2, 3]
        assert (found.images, found.of_images, found.base_images) == (8, 18, 12)
        assert found.kept_epoch == 3
        assert not found.stopped
        assert found.points[0].base_map == original.map  # nothing is forgotten yet
        grafted = Candidate("grafted", exact, load_tuned(artifact), arm.freeze)
        engine = TorchEngine(grafted.module(), grafted.card(96, None), "cpu")
        on_target = score(detect(engine, target, SELECTION, batch=4)["target"], own, target).accuracy
        on_base = score(detect(engine, base_set, SELECTION, batch=4)["base"], held_out.base_classes, base_set).accuracy
        last = found.points[-1]
        assert (last.target_map, last.target_map50) == (on_target.map, on_target.map50)
        assert last.base_map == on_base.map
    frozen, deepest = curve(looked_at[0]), curve(looked_at[2])
    assert len({point.base_map for point in frozen.points}) == 1  # the neck is frozen
    assert len({point.base_map for point in deepest.points}) > 1


MAPS = {  # of epochs 0 to 5; with patience 2 the second arm ends after epoch 3
    "freeze 22 seed 0": [0.0, 0.1, 0.2, 0.1, 0.25, 0.2],
    "freeze 15 seed 0": [0.0, 0.3, 0.2, 0.3, 0.9, 0.9],
    "freeze 10 seed 0": [0.0, 0.1, 0.1, 0.2, 0.3, 0.4],
}


@pytest.fixture
def scripted(monkeypatch):
    """The looks find what stands in MAPS."""
    from bench_freeze.finetune.looks import Looks

    def points(self, trainees, epoch):
        found = [MAPS[trainee.name][epoch] for trainee in trainees]
        torch.rand(3)  # a look may draw: nobody may notice
        return [HeldOutPoint(epoch=epoch, target_map=m, target_map50=m, base_map=None) for m in found]

    monkeypatch.setattr(Looks, "_points", points)


def test_an_arm_that_stops_leaves_the_others_as_they_are(exact, few, held_out, tmp_path, scripted):
    alone = train(tmp_path / "alone", exact, few[0], epochs=5)
    averages = {}

    def on_epoch(done, total):  # the file of the border before
        for file in (tmp_path / "out").glob("progress-*.pt"):
            kept = ProgressStore(tmp_path / "out").load(read_key(file))
            averages[read_key(file), kept.epoch] = kept.trainee["average"]

    made = train(tmp_path / "out", exact, few[0], held_out, on_epoch, epochs=5, val_every=1, patience=2, keep="best")
    curves = [curve(artifact) for artifact in made]
    assert [len(found.points) for found in curves] == [6, 4, 6]
    assert [found.stopped for found in curves] == [False, True, False]
    assert [found.kept_epoch for found in curves] == [4, 1, 5]
    assert made[2].sha256(CHECKPOINT) == alone[2].sha256(CHECKPOINT)  # its best is its last
    assert made[0].path(EPOCHS).read_text().count("\n") == 1 + 5
    assert made[1].path(EPOCHS).read_text().count("\n") == 1 + 3
    for artifact, best in zip(made[:2], (4, 1), strict=True):
        state, average = load_tuned(artifact).model.state_dict(), averages[artifact.key, best]
        assert all(torch.equal(state[name], tensor) for name, tensor in average.items())
    assert "epoch 4" in made[0].facts["weights"]

    later = train(tmp_path / "last", exact, few[0], held_out, epochs=5, val_every=1, patience=2)
    assert later[0].sha256(CHECKPOINT) == alone[0].sha256(CHECKPOINT)
    assert "patience" in later[1].facts["weights"]


def read_key(file):
    import io

    return torch.load(io.BytesIO(file.read_bytes().partition(b"\n")[2]), weights_only=False)["key"]


KILLED = """
import os, pickle, signal, sys
from pathlib import Path
from bench_freeze.artifact import ArtifactStore
from bench_freeze.finetune.training import fine_tune
def on_epoch(done, total):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)
options, arms, base, data, folder, held_out = pickle.loads(Path(sys.argv[1]).read_bytes())
fine_tune(options, arms, base, data, ArtifactStore(folder), on_epoch, held_out=held_out)
"""


def test_a_killed_training_remembers_its_looks(exact, few, held_out, tmp_path):
    import pickle

    changes = {"epochs": 4, "val_every": 1, "patience": 3, "keep": "best"}
    arms = [Arm(22, 0), Arm(10, 0)]
    whole = train(tmp_path / "whole", exact, few[0], held_out, arms=arms, **changes)
    given = tmp_path / "given"
    folder = tmp_path / "killed"
    given.write_bytes(pickle.dumps((training(**{**VALUES, **changes}), arms, exact, few[0], folder, held_out)))
    done = subprocess.run([sys.executable, "-c", KILLED, given], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(folder.glob("progress-*"))) == 2
    again = train(folder, exact, few[0], held_out, arms=arms, **changes)
    assert hashes(again) == hashes(whole)
    for one, other in zip(again, whole, strict=True):
        assert replace_seconds(curve(one)) == replace_seconds(curve(other))


def replace_seconds(found):
    import msgspec

    return msgspec.structs.replace(found, seconds=0.0)
