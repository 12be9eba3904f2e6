"""`match_cuda` against the CPU back end's matching, through Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench_freeze.errors import InputError
from bench_freeze.kernels.cuda_matching import CudaTruth, match_cuda
from bench_freeze.kernels.device_array import DeviceArray, Workspace, to_numpy
from bench_freeze.kernels.matching import Lattice, MatchRule, TruthIndex, index_truth, match

pytestmark = pytest.mark.cuda

THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREAS = np.array([[0, 1e10], [0, 8], [8, 24], [24, 1e10]])
COCO = Lattice("coco", THRESHOLDS, AREAS)
IMAGES, CLASSES, ROWS = 4, 3, 40


def drawn(seed: int) -> tuple[TruthIndex, dict[str, NDArray[Any]]]:
    rng = np.random.default_rng(seed)
    truths = 30
    truth = index_truth(
        rng.integers(0, IMAGES, truths).astype(np.int32),
        rng.integers(0, CLASSES, truths).astype(np.int32),
        rng.integers(0, 6, (truths, 4)).astype(np.float64),
        rng.integers(0, 5, truths) * 8.0,
        rng.random(truths) < 0.2,
        rng.random(truths) < 0.1,
        images=IMAGES,
        classes=CLASSES,
    )
    return truth, {
        "image": rng.permutation(IMAGES).astype(np.int32),
        "boxes_xywh": rng.integers(0, 6, (IMAGES, ROWS, 4)).astype(np.float64),
        "scores": np.sort(rng.integers(0, 9, (IMAGES, ROWS)) / 8, axis=1)[:, ::-1].astype(np.float32),
        "labels": rng.integers(0, CLASSES, (IMAGES, ROWS)).astype(np.int32),
        "count": rng.integers(0, ROWS + 1, IMAGES).astype(np.int32),
    }


def on_device(batch: dict[str, NDArray[Any]]) -> dict[str, DeviceArray]:
    return {name: DeviceArray.from_numpy(values) for name, values in batch.items()}


def match_on_cpu(truth: TruthIndex, lattice: Lattice, batch: dict[str, NDArray[Any]]) -> Any:
    """Masks and rank by row [B, D], as match_cuda lays them out."""
    used = np.arange(ROWS) < batch["count"][:, None]
    image = np.repeat(np.arange(IMAGES, dtype=np.int32), ROWS).reshape(IMAGES, ROWS)[used]
    label = batch["labels"][used]
    matches, _ = match(
        truth,
        lattice,
        batch["image"],
        image=image,
        label=label,
        boxes_xywh=batch["boxes_xywh"][used],
        scores=batch["scores"][used].astype(np.float64),
    )
    order = np.lexsort((label, image))  # by image, class and rank
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(image[order]) != 0) | (np.diff(label[order]) != 0)
    starts = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    columns = []
    for bits in matches.masks[0]:
        words = np.zeros((len(bits), 8), np.uint8)
        words[:, : bits.shape[1]] = bits
        columns.append((words.view(np.int64)[:, 0], 0, np.int64))
    columns.append((np.arange(len(order)) - starts, -1, np.int32))
    found = []
    for values, default, dtype in columns:
        flat = np.empty(len(order), dtype)
        flat[order] = values
        by_row = np.full((IMAGES, ROWS), default, dtype)
        by_row[used] = flat
        found.append(by_row)
    return found


@pytest.mark.parametrize("rule", ["coco", "ultralytics", "voc"])
@pytest.mark.parametrize("seed", range(5))
def test_equals_the_cpu_back_end(seed: int, rule: MatchRule) -> None:
    truth, batch = drawn(seed)
    lattice = Lattice(rule, THRESHOLDS, AREAS)
    found = match_cuda(CudaTruth.upload(truth), lattice, **on_device(batch), workspace=Workspace())
    found.check()
    true_positive, ignored, rank = match_on_cpu(truth, lattice, batch)
    np.testing.assert_array_equal(to_numpy(found.rank), rank)
    np.testing.assert_array_equal(to_numpy(found.true_positive), true_positive)
    np.testing.assert_array_equal(to_numpy(found.ignored), ignored)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("image", IMAGES, "beyond the ground truth"), ("labels", CLASSES, "class beyond"), ("scores", 2.0, "not descend")],
)
def test_check_names_the_image(column: str, value: float, message: str) -> None:
    truth, batch = drawn(0)
    batch["count"][:] = ROWS
    batch[column].reshape(IMAGES, -1)[2, -1] = value
    found = match_cuda(CudaTruth.upload(truth), COCO, **on_device(batch))
    with pytest.raises(InputError, match=f"image 2 .*{message}"):
        found.check()


def test_refuses_what_it_would_misread() -> None:
    truth, batch = drawn(1)
    uploaded = CudaTruth.upload(truth)
    with pytest.raises(InputError, match="scores is float64"):
        match_cuda(uploaded, COCO, **on_device({**batch, "scores": batch["scores"].astype(np.float64)}))
    with pytest.raises(InputError, match="labels is int32"):
        match_cuda(uploaded, COCO, **on_device({**batch, "labels": batch["labels"][:, 1:]}))
    with pytest.raises(InputError, match="2 parts"):
        match_cuda(uploaded, Lattice("coco", np.linspace(0, 1, 20), AREAS), **on_device(batch))
