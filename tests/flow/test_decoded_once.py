"""A training decodes each image once, wherever the pixels are kept; one that keeps none ends with the same weights."""

import pytest
from tests.builders import training

from bench_freeze.artifact import ArtifactStore
from bench_freeze.data.source import open_target
from bench_freeze.data.subset import keep_images
from bench_freeze.finetune import decoded as decoded_module
from bench_freeze.finetune import training_data
from bench_freeze.finetune.arm import CHECKPOINT, Arm
from bench_freeze.finetune.decoded import Room, shared_between_trainings
from bench_freeze.finetune.training import fine_tune, no_epoch

pytestmark = pytest.mark.slow
EPOCHS = 3
FEW_STEPS = {
    "optimizer": "SGD",
    "lr0": 0.01,
    "train_args": {"nbs": 4, "close_mosaic": 1},
    "imgsz": 96,
    "train_batch": 4,
}


@pytest.fixture(scope="module")
def few(embedded_data):
    return keep_images(open_target(embedded_data[1], None, None, "val")[0], range(8))


@pytest.fixture
def decoded(monkeypatch):
    """The files that were decoded, in order."""
    files = []
    read = training_data.read_image  # type: ignore[attr-defined]

    def counted(file, *args):
        files.append(file)
        return read(file, *args)

    monkeypatch.setattr(training_data, "read_image", counted)
    return files


def test_weights_are_the_same_wherever_pixels_are_kept(base, few, decoded, tmp_path, monkeypatch):
    """With mosaic and all other augmentations of the defaults."""
    options = training(epochs=EPOCHS, **FEW_STEPS)
    weights = {}
    for where in ("memory", "disk", None):
        decoded.clear()
        monkeypatch.setattr(decoded_module, "room_for", lambda sizes, folder, workers, where=where: room(where, sizes))
        folder = tmp_path / str(where)
        ((artifact, _),) = fine_tune(options, [Arm(22, 0)], base, few, ArtifactStore(folder), no_epoch)
        weights[where] = artifact.sha256(CHECKPOINT)
        assert set(decoded) == {image.path for image in few.images}
        assert (len(decoded) == len(few.images)) == (where is not None)
    assert len(set(weights.values())) == 1


def test_seeds_that_share_decode_an_image_once_and_end_the_same(base, few, decoded, tmp_path):
    options, seeds = training(epochs=1, **FEW_STEPS), (Arm(22, 0), Arm(22, 1))
    seen = {0: keep_images(few, range(7)), 1: keep_images(few, range(1, 8))}

    def trained(folder):
        made = [fine_tune(options, [arm], base, seen[arm.seed], ArtifactStore(folder), no_epoch) for arm in seeds]
        return [artifact.sha256(CHECKPOINT) for ((artifact, _),) in made]

    apart = trained(tmp_path / "apart")
    assert len(decoded) == 14
    decoded.clear()
    with shared_between_trainings():
        assert trained(tmp_path / "shared") == apart
    assert len(decoded) == len(set(decoded)) == 8


def room(where, sizes):
    return Room(where, sum(height * width * 3 for height, width in sizes))
