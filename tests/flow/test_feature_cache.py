"""Trainings without augmentation, and their frozen layers computed once per image."""

import csv
import shutil

import pytest
import torch
from tests.builders import training

from bench_freeze.artifact import ArtifactStore
from bench_freeze.data.source import open_target
from bench_freeze.data.subset import keep_images
from bench_freeze.errors import InputError
from bench_freeze.finetune import feature_cache, loop
from bench_freeze.finetune.arm import CHECKPOINT, EPOCHS, Arm, load_tuned
from bench_freeze.finetune.feature_cache import layers_read, stem
from bench_freeze.finetune.training import fine_tune
from bench_freeze.finetune.training_data import CheckedDataset
from bench_freeze.results.recipe import Recipe

pytestmark = pytest.mark.slow

# Ten images in batches of 4, 4, 2: the one of two holds other images in every epoch.
VALUES = {
    "epochs": 3, "imgsz": 64, "train_batch": 4, "optimizer": "SGD", "lr0": 0.01, "augment": False,
    "train_args": {"nbs": 4},
}  # fmt: skip
STATIC = [Arm(22, 0), Arm(15, 0), Arm(10, 0)]


@pytest.fixture(scope="module")
def few(embedded_data):
    """Ten training images of the embedded target set."""
    return keep_images(open_target(embedded_data[1], None, None, "val")[0], range(10))


@pytest.fixture
def used(monkeypatch):
    """The images that a training takes from its data set, one by one."""
    numbers = []
    load = CheckedDataset.load_image

    def counted(self, i):
        numbers.append(i)
        return load(self, i)

    monkeypatch.setattr(CheckedDataset, "load_image", counted)
    return numbers


@pytest.fixture
def trunk_runs(monkeypatch):
    """How often the frozen layers of a group run, by who runs them: the cache or the uncached loop."""
    runs = {"cache": [], "loop": []}
    for name, module in (("cache", feature_cache), ("loop", loop)):
        run = module.run_trunk

        def counted(detector, depth, images, kept, run=run, name=name):
            runs[name].append((depth, len(images)))
            return run(detector, depth, images, kept)

        monkeypatch.setattr(module, "run_trunk", counted)
    return runs


def train(folder, base, data, arms, on_epoch=lambda done, total: None, **changes):
    options = training(**{**VALUES, **changes})
    return [a for a, _ in fine_tune(options, arms, base, data, ArtifactStore(folder), on_epoch)]


def assert_alike(artifact, other, base):
    """Equal to rounding, measured against what the training moved, and with the same losses."""
    before = base.model.state_dict()
    found, wanted = (load_tuned(a).model.state_dict() for a in (artifact, other))
    far = moved = 0.0
    for name, tensor in wanted.items():
        if tensor.is_floating_point():
            far += float((found[name].double() - tensor.double()).square().sum())
            if before[name].shape == tensor.shape:
                moved += float((tensor.double() - before[name].double()).square().sum())
    assert far**0.5 < 1e-3 * moved**0.5
    rows, others = (list(csv.DictReader(a.path(EPOCHS).open())) for a in (artifact, other))
    for row, wanted_row in zip(rows, others, strict=True):
        for name in row.keys() - {"time"}:
            assert float(row[name]) == pytest.approx(float(wanted_row[name]), rel=1e-4)


def test_kept_outputs_give_the_same_weights_and_no_image_is_used_twice(base, few, tmp_path, used, trunk_runs):
    uncached = train(tmp_path / "uncached", base, few, STATIC)
    assert len(used) == 3 * 10
    assert len(trunk_runs["loop"]) == 3 * 3
    used.clear()
    trunk_runs["loop"].clear()
    after_epochs = []
    cached = train(
        tmp_path / "cached", base, few, STATIC, lambda d, t: after_epochs.append(len(used)), cache_features=True
    )
    assert after_epochs == [10, 10, 10]
    assert len(set(used)) == 10
    assert trunk_runs == {"cache": [(22, 4), (22, 4), (22, 2)], "loop": []}
    for artifact, other in zip(cached, uncached, strict=True):
        assert_alike(artifact, other, base)
        assert artifact.key != other.key
    assert not list((tmp_path / "cached").glob(".training*"))
    alone = train(tmp_path / "alone", base, few, STATIC, share=False, cache_features=True)
    assert [a.sha256(CHECKPOINT) for a in alone] == [a.sha256(CHECKPOINT) for a in cached]


def test_stages_change_what_is_kept_and_a_cut_training_ends_the_same(base, few, tmp_path, used, trunk_runs):
    arms = [Arm(15, 0, Recipe.named("lp_ft")), Arm(10, 0, Recipe.named("gradual")), Arm(10, 0, Recipe.named("distill"))]
    uncached = train(tmp_path / "uncached", base, few, arms)
    used.clear()
    counts = []
    cached = train(
        tmp_path / "cached", base, few, arms, lambda done, total: counts.append(len(used)), cache_features=True
    )
    for artifact, other in zip(cached, uncached, strict=True):
        assert_alike(artifact, other, base)
    assert counts == [10, 20, 20]  # depths 22 22 10, then 15 15 10; at last 15 10 10, of which all is there
    assert [depth for depth, _ in trunk_runs["cache"]] == [22] * 3 + [13] * 3  # 13 and 14 have no weights

    def cut(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", base, few, arms, cut, cache_features=True)
    resumed = train(tmp_path / "cut", base, few, arms, cache_features=True)
    assert [a.sha256(CHECKPOINT) for a in resumed] == [a.sha256(CHECKPOINT) for a in cached]


def test_an_arm_that_freezes_nothing_reads_images_beside_the_kept_outputs(base, few, tmp_path, used, trunk_runs):
    arms = [Arm(0, 0), Arm(22, 0)]
    uncached = train(tmp_path / "uncached", base, few, arms)
    used.clear()
    trunk_runs["loop"].clear()
    cached = train(tmp_path / "cached", base, few, arms, cache_features=True)
    for artifact, other in zip(cached, uncached, strict=True):
        assert_alike(artifact, other, base)
    assert len(used) == 10 + 3 * 10
    assert trunk_runs["loop"] == []


def test_replay_runs_beside_kept_outputs(embedded_data, base, few, tmp_path):
    from bench_freeze.data.classes import map_classes
    from bench_freeze.data.source import open_base
    from bench_freeze.data.subset import relabelled

    data = keep_images(open_base(embedded_data[2], None, "val"), range(6))
    pairs = map_classes(base.class_names, data.class_names, unmatched="ignore", head="", data="")
    memory = relabelled(data, pairs.head_to_data, base.class_names)

    def rehearse(folder, **changes):
        options = training(**{**VALUES, **changes})
        store = ArtifactStore(folder)
        made = fine_tune(
            options, [Arm(15, 0, Recipe.named("replay_1"))], base, few, store, lambda done, total: None, memory
        )
        return made[0][0]

    assert_alike(rehearse(tmp_path / "cached", cache_features=True), rehearse(tmp_path / "uncached"), base)


def test_without_augmentation_an_image_is_letterboxed_alone(base, few, tmp_path):
    from ultralytics.cfg import get_cfg

    from bench_freeze.config.training import NO_AUGMENTATION
    from bench_freeze.data.loader import load_batch

    (artifact,) = train(tmp_path, base, few, [Arm(22, 0)], epochs=1)
    assert {name: artifact.facts["effective"][name] for name in NO_AUGMENTATION} == NO_AUGMENTATION
    assert artifact.facts["changed"] == {}
    dataset = CheckedDataset(
        few, imgsz=64, batch_size=4, augment=False, hyp=get_cfg(), rect=False, cache=None, single_cls=False, stride=32,
        pad=0.0, prefix="", task="detect", data={"names": {}, "nc": 3, "channels": 3}, fraction=1.0,
    )  # fmt: skip
    engines = load_batch(few.images, 0, 64).images[0]  # what an engine is given
    trained = dataset[0]["img"].numpy() / 255
    assert abs(trained - engines).max() <= 1.01 / 255
    first, again = dataset[3], dataset[3]
    assert torch.equal(first["img"], again["img"])
    dataset.labels_only = [{k: v for k, v in dataset.read(i).items() if k != "img"} for i in range(10)]
    kept = dataset.collate_fn([dataset[i] for i in (3, 5)])
    dataset.collate_fn([dataset[5], dataset[3]])  # collating writes into its samples
    dataset.labels_only, again = None, dataset.labels_only  # type: ignore[assignment]
    read = dataset.collate_fn([dataset[i] for i in (3, 5)])
    assert not kept["img"].numel()
    for name in ("bboxes", "cls", "batch_idx"):
        assert torch.equal(kept[name], read[name])
    assert kept["index"] == read["index"] == (3, 5)


def test_layers_that_later_layers_read(base):
    assert layers_read(base.model, 22) == {15, 18, 21}
    assert layers_read(base.model, 15) == {9, 12, 14}
    assert layers_read(base.model, 10) == {4, 6, 9}
    assert layers_read(base.model, 0) == {-1}
    assert [stem(base.model, depth) for depth in (22, 15, 12, 10, 0)] == [22, 13, 10, 10, 0]


def test_a_disk_without_room_is_named_before_anything_is_trained(base, few, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(feature_cache.shutil, "disk_usage", lambda folder: usage)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"cache_features needs .* GB in .* on 10 images"):
        train(tmp_path, base, few, STATIC, cache_features=True)
