"""Our training loop against Ultralytics' own, arms in lockstep against arms alone, and a training that was cut."""

import signal
import subprocess
import sys

import pytest

from bench_freeze.artifact import ArtifactStore, artifact_key
from bench_freeze.config.recipe import Stage
from bench_freeze.config.study import study_from
from bench_freeze.data.source import open_target
from bench_freeze.data.subset import keep_images
from bench_freeze.finetune.arm import CHECKPOINT, KIND, Arm
from bench_freeze.finetune.progress import ProgressStore
from bench_freeze.finetune.training import fine_tune

pytestmark = pytest.mark.slow

# Mosaic closes before the last epoch and the last batch is not full: both change what the sampler draws. With nbs = 8
# gradients of two batches accumulate, also over the border between two epochs.
VALUES = {
    "epochs": 3, "imgsz": 64, "train_batch": 4, "optimizer": "AdamW", "lr0": 0.002,
    "train_args": {"close_mosaic": 1, "nbs": 8},
}  # fmt: skip


@pytest.fixture(scope="module")
def few(embedded_data):
    """Ten training images of the embedded target set."""
    training, _ = open_target(embedded_data[1], None, None, "val")
    return keep_images(training, range(10))


def study(**changes):
    return study_from({**VALUES, **changes}, "test")


def train(folder, base, data, arms, on_epoch=lambda done, total: None, **changes):
    return [a for a, _ in fine_tune(study(**changes), arms, base, data, ArtifactStore(folder), on_epoch)]


@pytest.fixture(scope="module")
def alone(base, few, tmp_path_factory):
    """Depths 22, 15 and 10, each trained alone."""
    return train(tmp_path_factory.mktemp("alone"), base, few, [Arm(22, 0), Arm(15, 0), Arm(10, 0)], share=False)


def hashes(artifacts):
    return [artifact.sha256(CHECKPOINT) for artifact in artifacts]


@pytest.fixture(scope="module")
def newer(few, tmp_path_factory):
    """A YOLO26 with random weights: two kinds of head, whose losses are weighted anew in every epoch."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint

    torch.manual_seed(0)
    model = DetectionModel("yolo26n.yaml", nc=len(few.class_names), verbose=False)
    model.names = dict(enumerate(few.class_names))
    path = tmp_path_factory.mktemp("newer") / "yolo26n.pt"
    save_checkpoint(path, model, half=False)
    return load_checkpoint(path)


@pytest.mark.parametrize(("family", "optimizer"), [("base", "AdamW"), ("base", "SGD"), ("newer", "AdamW")])
def test_the_loop_is_ultralytics_own_bit_for_bit(request, few, tmp_path, family, optimizer):
    """The same parts under Ultralytics' loop: every tensor of the moving average is equal, not only close."""
    import torch
    from ultralytics.utils.torch_utils import unset_deterministic

    from bench_freeze.finetune.arm import requested_arguments
    from bench_freeze.finetune.data_order import DataOrder
    from bench_freeze.finetune.head_init import with_new_head
    from bench_freeze.finetune.loop import train_in_lockstep
    from bench_freeze.finetune.trainee import Trainee
    from bench_freeze.finetune.trainer import FreezeTrainer, overrides_for

    class WithTheirLoop(FreezeTrainer):
        def validate(self):
            return {}, None

        def final_eval(self):
            pass

        def save_model(self):
            return False

    def make(kind):
        return kind(
            overrides_for(tmp_path / kind.__name__, device="cpu", **requested_arguments(own, Arm(15, 0))),
            data_set=few,
            build_model=lambda: with_new_head(base.model, base.class_names, few.class_names, "name_remap"),
            frozen_bn="eval",
        )

    own, base = study(optimizer=optimizer), request.getfixturevalue(family)
    theirs = make(WithTheirLoop)
    theirs.train()
    ours = make(FreezeTrainer)
    try:
        trainee = Trainee("ours", ours, (Stage(0, 15),))
        train_in_lockstep([trainee], DataOrder(ours), start=0, epochs=own.epochs, at_border=lambda done: None)
    finally:
        unset_deterministic()
    expected, found = theirs.ema.ema.state_dict(), ours.tuned_model().state_dict()
    assert theirs.ema.updates == ours.ema.updates > 1
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    first_of_head = f"model.{base.layers.head}.cv2.0.0.conv.weight"
    assert not torch.equal(found[first_of_head], base.model.state_dict()[first_of_head])


def test_arms_in_lockstep_are_what_they_are_alone(base, few, alone, tmp_path):
    together = train(tmp_path, base, few, [Arm(22, 0), Arm(15, 0), Arm(10, 0)])
    assert hashes(together) == hashes(alone)
    assert len(set(hashes(alone))) == 3
    assert together[0].facts["shared_with"] == ["freeze 15 seed 0", "freeze 10 seed 0"]
    assert [a.key for a in together] == [a.key for a in alone]


KILLED = """
import os, signal, sys
from pathlib import Path
from bench_freeze.artifact import ArtifactStore
from bench_freeze.data.source import open_target
from bench_freeze.data.subset import keep_images
from bench_freeze.dualhead.checkpoint import load_checkpoint
from bench_freeze.finetune.arm import Arm
from bench_freeze.finetune.training import fine_tune
from bench_freeze.config.recipe import Stage
from bench_freeze.config.study import study_from

def on_epoch(done, total):
    if done == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

data = keep_images(open_target(Path(sys.argv[2]), None, None, "val")[0], range(10))
arms = [Arm(22, 0), Arm(10, 0)]
fine_tune(study_from(eval(sys.argv[5]), "test"), arms, load_checkpoint(Path(sys.argv[1])), data,
          ArtifactStore(Path(sys.argv[3])), on_epoch)
"""


@pytest.mark.parametrize("finished_epochs", [1, 2])
def test_a_killed_training_goes_on_at_the_border_and_ends_the_same(
    embedded_data, base, few, alone, tmp_path, finished_epochs
):
    """The second border lies behind the end of mosaic. One of the arms exists already and is left out of the group."""
    train(tmp_path, base, few, [Arm(15, 0)])
    where = [embedded_data[0], embedded_data[1], tmp_path, finished_epochs + 1]
    killed = subprocess.run([sys.executable, "-c", KILLED, *map(str, where), repr(VALUES)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("progress-*"))) == 2
    store = ArtifactStore(tmp_path)
    store.remove_unfinished()  # as the next run does when it takes the folder
    seen = []
    resumed = train(tmp_path, base, few, [Arm(22, 0), Arm(15, 0), Arm(10, 0)], lambda done, total: seen.append(done))
    assert seen == list(range(finished_epochs + 1, 4))
    assert hashes(resumed) == hashes(alone)
    assert [a.facts["shared_with"] for a in resumed] == [["freeze 10 seed 0"], [], ["freeze 22 seed 0"]]
    assert not [p for p in tmp_path.iterdir() if not p.name.startswith("tuned-")]


def test_a_damaged_progress_file_starts_anew(base, few, tmp_path):
    from bench_freeze.environment import package_versions
    from bench_freeze.finetune.arm import training_inputs

    versions = package_versions("torch", "ultralytics")
    key = artifact_key(KIND, training_inputs(study(), Arm(22, 0), base.sha256, few.sha256, versions))
    progress = ProgressStore(tmp_path)
    progress.path(key).write_bytes(b"half a file")
    assert progress.load(key) is None
