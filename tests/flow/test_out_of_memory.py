"""A group that does not fit into memory goes on in smaller ones: the same weights, and no batch is trained twice.

Memory is the number of arms that are alive at once. torch's own error is raised where there are too many, so a group
that is not given back before its halves begin never fits.
"""

import weakref

import pytest
import torch
from tests.builders import training

from bench_freeze.artifact import ArtifactStore
from bench_freeze.data.source import open_target
from bench_freeze.data.subset import keep_images
from bench_freeze.errors import InputError
from bench_freeze.finetune.arm import CHECKPOINT, Arm
from bench_freeze.finetune.trainee import Trainee
from bench_freeze.finetune.training import fine_tune

pytestmark = pytest.mark.slow

VALUES = {
    "epochs": 3, "imgsz": 64, "train_batch": 4, "optimizer": "AdamW", "lr0": 0.002,
    "train_args": {"close_mosaic": 1, "nbs": 8},
}  # fmt: skip
ARMS = [Arm(22, 0), Arm(15, 0), Arm(10, 0)]
NO_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.43 GiB"


@pytest.fixture(scope="module")
def few(embedded_data):
    """Ten training images of the embedded target set."""
    split, _ = open_target(embedded_data[1], None, None, "val")
    return keep_images(split, range(10))


@pytest.fixture(scope="module")
def expected(base, few, tmp_path_factory):
    """The weights of all arms where memory is no matter."""
    made = fine_tune(training(**VALUES), ARMS, base, few, ArtifactStore(tmp_path_factory.mktemp("all")), no_epoch)
    return [artifact.sha256(CHECKPOINT) for artifact, _ in made]


def no_epoch(done, total):
    pass


class Memory:
    """Room for `arms` from an epoch on; notes every batch that was trained."""

    def __init__(self, monkeypatch, arms, *, from_epoch=0, batch=0):
        self.alive = weakref.WeakSet()
        self.trained = []
        start, train_batch = Trainee.__init__, Trainee.train_batch

        def begin(trainee, *arguments):
            start(trainee, *arguments)
            self.alive.add(trainee)

        def train(trainee, i, epoch, *arguments):
            if len(self.alive) > arms and (epoch, i) >= (from_epoch, batch):
                raise torch.OutOfMemoryError(NO_MEMORY)
            train_batch(trainee, i, epoch, *arguments)
            self.trained.append((trainee.name, epoch, i))

        monkeypatch.setattr(Trainee, "__init__", begin)
        monkeypatch.setattr(Trainee, "train_batch", train)


@pytest.mark.parametrize(
    ("room", "from_epoch", "parts"),
    [(2, 0, ["2 and 1"]), (1, 1, ["2 and 1", "1 and 1"])],
)
def test_a_group_that_does_not_fit_goes_on_in_halves(
    base, few, expected, tmp_path, monkeypatch, room, from_epoch, parts
):
    memory, said = Memory(monkeypatch, room, from_epoch=from_epoch), []
    store = ArtifactStore(tmp_path, said.append)
    made = fine_tune(training(**VALUES), ARMS, base, few, store, no_epoch)
    assert [artifact.sha256(CHECKPOINT) for artifact, _ in made] == expected
    assert [sentence.partition("continue as ")[2].partition(",")[0] for sentence in said] == parts
    assert said[0].startswith("3 arms together do not fit into the memory of cpu (freeze 22 seed 0, ")
    assert len(set(memory.trained)) == len(memory.trained) == 3 * 3 * 3  # arms, epochs, batches
    assert not list(tmp_path.glob("progress-*"))


def test_only_the_epoch_in_which_memory_ended_is_begun_again(base, few, expected, tmp_path, monkeypatch):
    memory = Memory(monkeypatch, 2, from_epoch=1, batch=2)
    made = fine_tune(training(**VALUES), ARMS, base, few, ArtifactStore(tmp_path, lambda said: None), no_epoch)
    assert [artifact.sha256(CHECKPOINT) for artifact, _ in made] == expected
    twice = {batch for batch in memory.trained if memory.trained.count(batch) > 1}
    assert {epoch for _, epoch, _ in twice} == {1}


def test_one_arm_that_does_not_fit_ends_with_a_sentence_and_the_others_are_kept(base, few, tmp_path, monkeypatch):
    Memory(monkeypatch, 0, from_epoch=1)
    with pytest.raises(InputError, match="freeze 22 seed 0 ran out of memory on cpu; lower --train-batch "):
        fine_tune(training(**VALUES), ARMS, base, few, ArtifactStore(tmp_path, lambda said: None), no_epoch)
    # Its own progress stays: more memory, and it goes on in its second epoch.
    monkeypatch.undo()
    again = Memory(monkeypatch, 3)
    fine_tune(training(**VALUES), ARMS, base, few, ArtifactStore(tmp_path), no_epoch)
    assert {epoch for _, epoch, _ in again.trained} == {1, 2}
