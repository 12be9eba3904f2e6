"""Data yamls and label files in random forms: the same images, boxes and names as Ultralytics' own reader."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import numpy as np
import pytest

from bench_freeze.data.yolo import read_yolo
from bench_freeze.data.yolo_yaml import read_yolo_yaml

from .ultralytics_forms import DROPPED_BY_ULTRALYTICS, MadeSet, make_set

pytest.importorskip("ultralytics")
SEEDS = range(120)


@pytest.fixture(autouse=True)
def _quiet():
    logger = logging.getLogger("ultralytics")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


def ultralytics_boxes(made: MadeSet, split: str) -> tuple[list[str], dict[Path, list[tuple[float, ...]]]]:
    """Class names, and by image the boxes as (class, x1, y1, x2, y2) in pixels, clipped, without empty ones."""
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset
    from ultralytics.utils import DEFAULT_CFG

    data = check_det_dataset(str(made.yaml), autodownload=False)
    if not data[split]:
        return [], {}
    with contextlib.redirect_stderr(None):
        dataset = YOLODataset(img_path=data[split], data=data, task="detect", augment=False, hyp=DEFAULT_CFG)
    found = {}
    for label in dataset.labels:
        height, width = label["shape"]
        cx, cy, w, h = label["bboxes"].astype(np.float64).T
        corners = np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=1).clip(0, 1)
        kept = (corners[:, 2:] > corners[:, :2]).all(axis=1)
        pixels = corners[kept] * [width, height, width, height]
        classes = label["cls"][kept].astype(np.float64)
        found[Path(label["im_file"])] = sorted(map(tuple, np.concatenate([classes, pixels], axis=1).tolist()))
    return [data["names"][k] for k in sorted(data["names"])], found


def our_boxes(made: MadeSet, split: str) -> tuple[list[str], dict[Path, list[tuple[float, ...]]]]:
    data = read_yolo(made.yaml, split)
    truth = data.ground_truth
    found: dict[Path, list[tuple[float, ...]]] = {Path(str(image.path)): [] for image in data.images}
    for i, label, (x, y, w, h) in zip(truth.image_index, truth.labels, truth.boxes_xywh, strict=True):
        found[Path(str(data.images[i].path))].append((float(label), x, y, x + w, y + h))
    return list(truth.class_names), {file: sorted(boxes) for file, boxes in found.items()}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("split", ["train", "val"])
def test_the_same_images_and_boxes(tmp_path, seed, split):
    made = make_set(tmp_path, seed)
    names, ours = our_boxes(made, split)
    their_names, theirs = ultralytics_boxes(made, split)
    assert names == their_names
    kept_here_only = {file for file in ours if made.kinds[file.name] in DROPPED_BY_ULTRALYTICS}
    assert set(theirs) == set(ours) - kept_here_only
    for file, boxes in theirs.items():
        assert len(boxes) == len(ours[file]), (file, made.kinds[file.name])
        np.testing.assert_allclose(np.array(ours[file]), np.array(boxes), atol=2e-4)  # theirs are float32


def test_the_forms_cover_every_kind(tmp_path):
    kinds = set()
    for seed in SEEDS:
        (tmp_path / str(seed)).mkdir()
        kinds |= set(make_set(tmp_path / str(seed), seed).kinds.values())
    assert kinds >= {"boxes", "polygons", "mixed", "far_over_border", "at_border", "repeated", "missing", "blank"}


def test_images_are_in_ultralytics_order(tmp_path):
    """One order of images means one order of batches, so one training."""
    from ultralytics.data.base import BaseDataset

    made = make_set(tmp_path, 3)
    files = [str(image.path) for image in read_yolo(made.yaml, "train").images]
    assert len(files) > 2

    class Listing(BaseDataset):
        def __init__(self):
            self.prefix, self.fraction = "", 1.0

    places = [str(place.resolve()) for place in read_yolo_yaml(made.yaml).splits["train"]]
    assert files == Listing().get_img_files(places)
