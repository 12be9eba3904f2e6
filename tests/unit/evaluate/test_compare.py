"""The paired bootstrap: a weight stands for copies of an image."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from bench_freeze import compare
from bench_freeze.errors import InputError
from bench_freeze.evaluate import evaluate
from bench_freeze.evaluate.protocols import RECALL_THRESHOLDS
from bench_freeze.kernels.matching import bootstrap
from tests.workloads import Workload, detection_table, make_workload, truth_table


def drawn(seed: int, resample: int, images: int) -> np.ndarray:
    """The images of a resample: splitmix64, written out once more."""
    mask = (1 << 64) - 1

    def step(state: int) -> tuple[int, int]:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
        return state, z ^ z >> 31

    state, _ = step((seed + resample * 0xD1342543DE82EF95) & mask)
    found = []
    for _ in range(images):
        state, value = step(state)
        found.append((value >> 32) * images >> 32)
    return np.array(found)


def with_copies(workload: Workload, images: np.ndarray) -> Workload:
    """A data set in which every draw is an image of its own; copies stand side by side."""
    truth, found = workload.truth, workload.detections
    columns: list[Any] = []
    rows: list[Any] = []
    for copy, image in enumerate(np.sort(images)):
        at = truth.image_index == image
        columns.append(
            (np.full(at.sum(), copy), truth.labels[at], truth.boxes_xywh[at], truth.area[at], truth.is_crowd[at])
        )
        at = found.image_index == image
        rows.append((np.full(at.sum(), copy), found.labels[at], found.boxes_xywh[at], found.scores[at]))
    joined = [np.concatenate(part) for part in zip(*columns, strict=True)]
    ids = np.arange(len(joined[0])) + 1
    return Workload(
        truth_table(len(images), len(truth.class_names), *joined, ids),  # type: ignore[call-arg]
        detection_table(*(np.concatenate(part) for part in zip(*rows, strict=True))),
    )


@pytest.mark.parametrize("options", [{}, {"score_levels": 6}, {"lattice": True, "score_levels": 3, "crowd_share": 0.4}])
def test_weights_equal_copies_of_images(options: dict[str, Any]) -> None:
    workload = make_workload(images=25, classes=4, truth_rows=120, rows=900, seed=21, **options)
    result = evaluate(workload.truth, workload.detections)
    ap = bootstrap(
        result.truth, result.lattice, result.matches,
        recall_thresholds=RECALL_THRESHOLDS, max_detections=100, resamples=6, seed=77,
    )  # fmt: skip
    for resample in range(6):
        copies = with_copies(workload, drawn(77, resample, 25))
        precision = evaluate(copies.truth, copies.detections).precision[:, ::-1, :, 0, -1]
        # Summed one after the other, from the highest recall, as the resampler does: equal to the last bit.
        np.testing.assert_array_equal(ap[resample], (np.cumsum(precision, axis=1)[:, -1] / 101).T)


def test_without_drawing_it_is_the_evaluation() -> None:
    workload = make_workload(images=25, classes=4, truth_rows=120, rows=900, seed=21)
    a = evaluate(workload.truth, workload.detections)
    found = compare(a, a, resamples=50)
    assert found.ap is not None
    assert (found.ap.value, found.ap.low, found.ap.high) == (0, 0, 0)
    worse = dataclasses.replace(workload.detections, boxes_xywh=workload.detections.boxes_xywh * 1.05)
    b = evaluate(workload.truth, worse)
    found = compare(a, b, resamples=400, seed=5)
    for number, difference in (("AP", found.ap), ("AP50", found.ap50), ("AP75", found.ap75)):
        assert difference is not None
        assert difference.value == pytest.approx(b.stats()[number] - a.stats()[number], abs=1e-14)
        assert difference.low < difference.value < difference.high
    assert found.ap.is_significant
    assert found.ap.high < 0
    per_class = [b_ap - a_ap for a_ap, b_ap in zip(a.ap_per_class(), b.ap_per_class(), strict=True)]
    assert [d.value for d in found.ap_per_class.values()] == pytest.approx(per_class, abs=1e-14)
    assert compare(a, b, resamples=400, seed=5, threads=3) == found
    assert compare(a, b, resamples=400, seed=6) != found


def test_classes_without_ground_truth_have_no_interval() -> None:
    truth = truth_table(2, 2, [0, 1], [0, 0], [[0, 0, 4, 4]] * 2, [16, 16], [False] * 2, [1, 2])
    result = evaluate(truth, detection_table([0], [0], [[0, 0, 4, 4]], [0.5]))
    found = compare(result, result, resamples=10)
    assert found.ap_per_class["class 1"] is None
    assert found.ap is not None


def test_refuses_pairs_that_do_not_pair() -> None:
    one, two = (make_workload(images=5, classes=2, truth_rows=20, rows=50, seed=seed) for seed in (1, 2))
    result = evaluate(one.truth, one.detections)
    for other, message in (
        (evaluate(two.truth, two.detections), "different ground truth"),
        (evaluate(one.truth, one.detections, protocol="voc-all"), "protocol coco"),
        (evaluate(one.truth, one.detections, iou_thresholds=[0.5]), "IoU thresholds"),
        (evaluate(one.truth, one.detections, max_detections=[7]), "max_detections"),
    ):
        with pytest.raises(InputError, match=message):
            compare(result, other)
    with pytest.raises(InputError, match="resamples is 0"):
        compare(result, result, resamples=0)
    with pytest.raises(InputError, match="confidence is 95"):
        compare(result, result, confidence=95)
