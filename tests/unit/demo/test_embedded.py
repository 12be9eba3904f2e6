"""The embedded sets are reproducible and truly labelled, and the embedded weights open in Ultralytics."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from bench_freeze import demo
from bench_freeze.demo.canvas import SIDE, Pose, coverage, tight_box
from bench_freeze.demo.checkpoint import TENSORS, write_base_checkpoint
from bench_freeze.demo.coco_layout import CATEGORY_IDS, run_lengths, write_base_set
from bench_freeze.demo.scenes import BASE_NAMES, TARGET_NAMES, base_scenes, target_scenes
from bench_freeze.demo.shapes import BASE_KINDS, flower
from bench_freeze.demo.yolo_layout import write_target_set

COUNTS = {"train": 6, "val": 4, "test": 3}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def decode(segmentation: dict[str, list[int]]) -> np.ndarray:
    counts = segmentation["counts"]
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape(segmentation["size"], order="F")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_target_set(tmp_path_factory.mktemp("target"), seed=3, **COUNTS)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base_set(tmp_path_factory.mktemp("base"), images=12, seed=3, split="val")


def test_same_seed_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_target_set(tmp_path / name / "target", seed=5, train=3, val=2, test=2)
        write_base_set(tmp_path / name / "base", images=4, seed=5, split="val")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_seeds_splits_and_pictures_differ() -> None:
    scenes = [
        *base_scenes("val", 3, 0, crowds=True),
        *base_scenes("val", 3, 1, crowds=True),
        *base_scenes("train", 3, 0, crowds=True),
        *target_scenes("val", 3, 0),
        *target_scenes("train", 3, 0),
    ]
    assert len({scene.picture.tobytes() for scene in scenes}) == len(scenes)


def test_a_picture_does_not_depend_on_how_many_are_drawn() -> None:
    few, many = list(target_scenes("val", 3, 0)), list(target_scenes("val", 6, 0))
    assert all(np.array_equal(a.picture, b.picture) for a, b in zip(few, many, strict=False))


@pytest.mark.parametrize("name", BASE_NAMES)
def test_shape_fills_its_circle_and_stays_inside(name: str) -> None:
    pose = Pose(80.0, 80.0, 40.0, angle=0.3)
    covered = coverage(BASE_KINDS[name], pose)
    ys, xs = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    outside = np.sqrt((xs - 80) ** 2 + (ys - 80) ** 2) > 46
    assert not covered[outside].any()
    assert 0.15 < (covered >= 0.5).sum() / (np.pi * 40**2) < 0.95


def test_disk_coverage_is_its_area() -> None:
    assert coverage(BASE_KINDS["disk"], Pose(71.3, 80.8, 30.0)).sum() == pytest.approx(
        np.pi * (0.92 * 30) ** 2, rel=2e-3
    )


@pytest.mark.parametrize("petals", [3, 4, 6, 9])
def test_flower_has_its_petals(petals: int) -> None:
    angles = 2 * np.pi * np.arange(720) / 720
    inside = flower(petals)(0.9 * np.cos(angles), 0.9 * np.sin(angles)) < 0
    assert np.count_nonzero(inside != np.roll(inside, 1)) == 2 * petals


def test_tight_box_touches_the_mask_on_all_sides() -> None:
    for scene in base_scenes("val", 8, 1, crowds=True):
        for thing in scene.things:
            x, y, width, height = tight_box(thing.mask)
            inner = thing.mask[y : y + height, x : x + width]
            assert inner.sum() == thing.mask.sum()
            assert inner[0].any()
            assert inner[-1].any()
            assert inner[:, 0].any()
            assert inner[:, -1].any()


def test_objects_are_visible_and_disjoint() -> None:
    for scene in [*base_scenes("val", 8, 2, crowds=True), *target_scenes("train", 8, 2)]:
        stacked = np.stack([thing.mask for thing in scene.things]) if scene.things else np.zeros((1, SIDE, SIDE))
        assert stacked.sum(axis=0).max() <= 1
        assert all(thing.mask.sum() >= 25 for thing in scene.things)


def test_run_lengths_start_outside() -> None:
    mask = np.zeros((3, 2), dtype=np.bool_)
    mask[0, 0] = mask[2, 1] = True
    assert run_lengths(mask) == [0, 1, 4, 1]
    assert run_lengths(np.zeros((3, 2), dtype=np.bool_)) == [6]


def test_base_layout(base: Path) -> None:
    content = json.loads(base.read_text())
    assert base.parts[-2:] == ("annotations", "instances_val.json")
    assert {c["name"]: c["id"] for c in content["categories"]} == CATEGORY_IDS
    ids = sorted(CATEGORY_IDS.values())
    assert ids != list(range(ids[0], ids[0] + len(ids)))
    assert len({a["id"] for a in content["annotations"]}) == len(content["annotations"])
    assert len(content["images"]) == 12
    for image in content["images"]:
        with Image.open(base.parent.parent / "val" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"]) == (SIDE, SIDE)
            assert picture.mode == "RGB"


def test_base_annotations_agree_with_their_masks(base: Path) -> None:
    annotations = json.loads(base.read_text())["annotations"]
    assert annotations
    for annotation in annotations:
        mask = decode(annotation["segmentation"])
        assert annotation["area"] == mask.sum()
        assert tuple(annotation["bbox"]) == tight_box(mask)


def test_crowds_are_in_val_and_not_in_train(base: Path, tmp_path: Path) -> None:
    assert any(a["iscrowd"] == 1 for a in json.loads(base.read_text())["annotations"])
    train = write_base_set(tmp_path, images=12, seed=3, split="train")
    assert all(a["iscrowd"] == 0 for a in json.loads(train.read_text())["annotations"])


def test_one_name_is_shared() -> None:
    assert set(BASE_NAMES) & set(TARGET_NAMES) == {"star"}


def test_target_layout(target: Path) -> None:
    content = yaml.safe_load(target.read_text())
    assert "path" not in content
    assert content["names"] == dict(enumerate(TARGET_NAMES))
    for split, count in COUNTS.items():
        pictures = sorted((target.parent / content[split]).glob("*.png"))
        labels = sorted((target.parent / "labels" / split).glob("*.txt"))
        assert len(pictures) == count
        assert [p.stem for p in pictures] == [p.stem for p in labels]


def rows(target: Path, split: str, index: int) -> list[list[float]]:
    text = (target.parent / "labels" / split / f"{index:06d}.txt").read_text()
    return [[float(field) for field in line.split()] for line in text.splitlines()]


@pytest.mark.parametrize("split", list(COUNTS))
def test_target_has_an_empty_file_a_polygon_and_boxes(target: Path, split: str) -> None:
    assert rows(target, split, 0) == []
    (polygon,) = rows(target, split, 1)
    assert len(polygon) > 5
    assert len(polygon) % 2 == 1
    assert all(len(row) == 5 for row in rows(target, split, 2))


@pytest.mark.parametrize("split", list(COUNTS))
def test_target_labels_agree_with_the_masks(target: Path, split: str) -> None:
    for index, scene in enumerate(target_scenes(split, COUNTS[split], 3)):
        for row, thing in zip(rows(target, split, index), scene.things, strict=True):
            assert TARGET_NAMES[int(row[0])] == thing.name
            values = np.array(row[1:]) * SIDE
            if len(values) > 4:
                low, high = values.reshape(-1, 2).min(axis=0), values.reshape(-1, 2).max(axis=0)
            else:
                low, high = values[:2] - values[2:] / 2, values[:2] + values[2:] / 2
            x, y, width, height = tight_box(thing.mask)
            np.testing.assert_allclose([*low, *high], [x, y, x + width, y + height], atol=1e-3)


def test_study_file_has_what_the_code_does_not_supply() -> None:
    from bench_freeze.config.study import read_toml, study_from

    values = read_toml(demo.STUDY_FILE)
    assert not {"weights", "target", "base"} & set(values)
    assert study_from(values, "study.toml").training.freeze == (22, 15, 10)


def test_stored_tensors_are_small_and_name_no_folder() -> None:
    content = TENSORS.read_bytes()
    assert len(content) < 1_500_000
    # Where a home or a temporary folder would show; the archive's own record names start without a slash.
    assert not re.search(rb"/(?:home|root|tmp|var|Users)/", content)


@pytest.mark.slow
def test_checkpoint_opens_in_ultralytics(tmp_path: Path) -> None:
    import torch
    from ultralytics import YOLO

    first = write_base_checkpoint(tmp_path / "a" / "base.pt")
    second = write_base_checkpoint(tmp_path / "b" / "base.pt")
    assert first.read_bytes() == second.read_bytes()
    yolo = YOLO(first)
    assert yolo.names == dict(enumerate(BASE_NAMES))
    assert [layer.i for layer in yolo.model.model] == list(range(23))
    stored = torch.load(TENSORS, weights_only=True)["state_dict"]
    loaded = yolo.model.state_dict()
    assert stored.keys() == loaded.keys()
    assert all(torch.equal(value.float(), loaded[key].float()) for key, value in stored.items())


@pytest.mark.slow
def test_base_model_finds_the_base_kinds(tmp_path: Path) -> None:
    from ultralytics import YOLO

    yolo = YOLO(write_base_checkpoint(tmp_path / "base.pt"))
    found = wanted = 0
    for scene in base_scenes("val", 16, 11, crowds=False):
        # Ultralytics takes arrays as BGR.
        (result,) = yolo.predict(scene.picture[..., ::-1], imgsz=SIDE, conf=0.25, device="cpu", verbose=False)
        seen = [BASE_NAMES[int(c)] for c in result.boxes.cls]
        wanted += len(scene.things)
        found += sum(min(seen.count(name), [t.name for t in scene.things].count(name)) for name in set(seen))
    assert found >= 0.7 * wanted
