"""AP in parts: the parts' own numbers, COCO's where they coincide, and intervals that hold their value."""

import dataclasses

import msgspec
import numpy as np
import pytest

import bench_freeze.deployment.breakdown as deployed
from bench_freeze.artifact import ArtifactStore
from bench_freeze.data.classes import map_classes
from bench_freeze.data.dataset import DetectionSet, DetectionTable, GroundTruth, truth_of_images
from bench_freeze.deployment.pipeline import HeadDetections
from bench_freeze.evaluate import evaluate
from bench_freeze.evaluate.breakdown import COUNT_BINS, IOU_THRESHOLDS, break_down
from tests.builders import study


@pytest.fixture(scope="module")
def workload():
    """60 images of three classes with 0 to 14 objects; detections are the objects moved, some missed, some false."""
    rng = np.random.default_rng(0)
    counts = rng.choice([0, 1, 3, 7, 14], 60)
    image = np.repeat(np.arange(60), counts).astype(np.int32)
    n = len(image)
    boxes = np.concatenate([rng.uniform(0, 300, (n, 2)), np.exp(rng.uniform(2, 5.5, (n, 2)))], axis=1)
    labels = rng.integers(0, 3, n).astype(np.int32)
    is_crowd = np.zeros(n, np.bool_)
    is_crowd[::17] = True
    truth = GroundTruth(
        np.arange(60) + 100, np.array([1, 5, 9]), ("a", "b", "c"), image, labels, boxes, boxes[:, 2] * boxes[:, 3],
        is_crowd, np.arange(n) + 1,
    )  # fmt: skip
    found = rng.random(n) < 0.8
    moved = boxes[found] * rng.uniform(0.85, 1.15, (int(found.sum()), 4))
    false = np.concatenate([rng.uniform(0, 300, (80, 2)), rng.uniform(10, 100, (80, 2))], axis=1)
    detections = DetectionTable(
        np.r_[image[found], rng.integers(0, 60, 80)].astype(np.int32),
        np.r_[labels[found], rng.integers(0, 3, 80)].astype(np.int32),
        np.concatenate([moved, false]),
        np.r_[rng.uniform(0.2, 1, len(moved)), rng.uniform(0, 0.7, 80)],
    )
    return truth, detections


@pytest.fixture(scope="module")
def parts(workload):
    return break_down(*workload, resamples=300)


def test_at_coco_thresholds_ap_is_coco_s_to_the_last_bit(workload, parts):
    coco = evaluate(*workload)
    for iou, ap in coco.ap_by_iou().items():
        assert parts.by_iou[f"{iou:.2f}"].value == ap
    assert list(parts.by_iou) == [f"{iou:.2f}" for iou in IOU_THRESHOLDS]
    assert len(parts.by_iou) == 18
    values = [interval.value for interval in parts.by_iou.values()]
    assert values[0] > values[8] > values[-1]


def test_ap_by_area_is_coco_s(workload, parts):
    stats = evaluate(*workload).stats()
    for name in ("small", "medium", "large"):
        assert parts.by_area[name].ap.value == stats[f"AP_{name}"]
        assert parts.by_area[name].ap50.value >= parts.by_area[name].ap.value
    truth = workload[0]
    assert parts.by_area["small"].objects == (~truth.is_crowd & (truth.area <= 32**2)).sum()


def test_ap_by_count_is_of_those_images_alone(workload, parts):
    truth, detections = workload
    counts = np.bincount(truth.image_index[~truth.is_crowd], minlength=60)
    assert sum(part.images for part in parts.by_count.values()) == (counts > 0).sum()
    assert sum(part.objects for part in parts.by_count.values()) == (~truth.is_crowd).sum()
    images = np.flatnonzero((counts >= 2) & (counts <= 4))
    rows = np.isin(detections.image_index, images)
    alone = DetectionTable(*(getattr(detections, f.name)[rows] for f in dataclasses.fields(detections)))
    keeps_numbers = dataclasses.replace(alone, image_index=np.searchsorted(images, alone.image_index).astype(np.int32))
    assert parts.by_count["2-4"].ap.value == evaluate(truth_of_images(truth, images), keeps_numbers).ap()


def test_intervals_hold_their_value_and_narrow_with_more_images(workload, parts):
    every = [*parts.by_iou.values(), *(p.ap for p in (*parts.by_area.values(), *parts.by_count.values()))]
    for interval in every:
        if interval.value == 0:  # nothing is found at this IoU on any image: every resample repeats that
            assert interval.low is interval.high is None
            assert "same number" in interval.no_interval
        else:
            assert 0 <= interval.low < interval.high <= 1
    assert sum(interval.low is None for interval in every) == 2
    whole = parts.by_iou["0.50"]
    assert whole.low < whole.value < whole.high
    fewest = min(parts.by_count.values(), key=lambda part: part.images).ap50
    assert fewest.high - fewest.low > whole.high - whole.low
    assert break_down(*workload, resamples=300) == parts  # seeded


def test_parts_without_images_are_undefined(workload):
    truth, detections = workload
    counts = np.bincount(truth.image_index[~truth.is_crowd], minlength=60)
    few = np.flatnonzero(counts == 1)
    nothing = DetectionTable(*(getattr(detections, f.name)[:0] for f in dataclasses.fields(detections)))
    parts = break_down(truth_of_images(truth, few), nothing, resamples=20)
    assert set(parts.by_count) == set(COUNT_BINS)
    assert (parts.by_count["10+"].images, parts.by_count["10+"].ap.value) == (0, None)
    assert parts.by_count["1"].ap.value == 0


def test_a_breakdown_kept_by_an_earlier_version_is_read(parts, workload, tmp_path, monkeypatch):
    """It left the resamples and their confidence to its key, and its manifest's keys are sorted."""
    kept = msgspec.to_builtins(parts)
    del kept["resamples"], kept["confidence"]
    monkeypatch.setattr(deployed, "break_down", lambda *_, **__: dict(sorted(kept.items())))
    truth, found = workload
    detections = HeadDetections(
        found.image_index, found.labels, np.zeros((len(found.labels), 4)), found.scores.astype(np.float32), 0
    )
    data = DetectionSet("data", (), truth, "sha256")
    classes = map_classes(truth.class_names, truth.class_names, unmatched="error", head="", data="")
    options = study(breakdown=True).analysis
    scored = deployed.score_in_parts(detections, classes, data, options, ArtifactStore(tmp_path))
    assert scored.accuracy.breakdown == msgspec.structs.replace(parts, resamples=1000)
    assert list(scored.accuracy.breakdown.by_area) == ["small", "medium", "large"]
