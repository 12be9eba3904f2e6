"""The three large generated workloads: every tensor equals pycocotools' with `==`, streamed and in one go."""

from __future__ import annotations

import numpy as np
import pytest

from bench_freeze import Evaluator
from bench_freeze.evaluate import evaluate

pytest.importorskip("pycocotools")

from tests.parity.coco_peer import run_pycocotools
from tests.workloads import Workload, detection_table, make_workload, truth_table

TENSORS = ("precision", "recall", "scores")


def like_val2017() -> Workload:
    """5,000 images, 80 classes, crowds, boxes of all sizes."""
    return make_workload(images=5000, classes=80, truth_rows=36_000, rows=150_000, seed=11, crowd_share=0.02)


def dense() -> Workload:
    """250 detections an image, so many of one class that every maximum cuts."""
    return make_workload(images=160, classes=2, truth_rows=4000, rows=40_000, seed=12)


def adversarial() -> Workload:
    """Ties, IoUs on thresholds, areas on bounds, piles of crowds, empty images, classes without ground truth."""
    rng = np.random.default_rng(13)
    lattice = make_workload(
        images=300, classes=4, truth_rows=3000, rows=20_000, seed=13, lattice=True, score_levels=5, crowd_share=0.3
    )
    truth, found = lattice.truth, lattice.detections
    on_bounds = rng.choice([1024.0, 9216.0, np.nextafter(1024, 0), np.nextafter(9216, 1e5)], len(truth))
    area = np.where(rng.random(len(truth)) < 0.5, on_bounds, truth.area)
    # A pile of crowds in image 0, detections of exactly 32 x 32 and 96 x 96 in image 1, one lonely detection in the
    # last image but one, nothing at all in the last; class 4 has detections only, class 5 nothing.
    pile = [[0, 0, 10 + i, 10] for i in range(40)]
    sizes = [[i, i, side, side] for i in range(10) for side in (32, 96)]
    truth = truth_table(
        302, 6,
        np.concatenate([truth.image_index, np.zeros(40), np.ones(20)]),
        np.concatenate([truth.labels, np.zeros(40), np.zeros(20)]),
        np.concatenate([truth.boxes_xywh, pile, sizes]),
        np.concatenate([area, np.full(40, 100.0), np.tile([1024.0, 9216.0], 10)]),
        np.concatenate([truth.is_crowd, np.ones(40), np.zeros(20)]),
        np.arange(len(truth) + 60),
    )  # fmt: skip
    found = detection_table(
        np.concatenate([found.image_index, np.zeros(40), np.ones(20), [300, 5]]),
        np.concatenate([found.labels, np.zeros(40), np.zeros(20), [3, 4]]),
        np.concatenate([found.boxes_xywh, pile, sizes, [[0, 0, 5, 5]] * 2]),
        np.concatenate([found.scores, np.full(60, 0.4), [0.4, 0.4]]),
    )
    return Workload(truth, found)


@pytest.mark.parametrize("make", [like_val2017, dense, adversarial])
def test_every_tensor_equals_pycocotools(make) -> None:
    workload = make()
    expected, _ = run_pycocotools(workload)
    found = evaluate(workload.truth, workload.detections, threads=2)
    streamed = Evaluator(workload.truth)
    table = workload.detections
    for part in np.array_split(np.random.default_rng(0).permutation(len(workload.truth.image_ids)), 7):
        rows = np.isin(table.image_index, part)
        streamed.update_table(
            detection_table(table.image_index[rows], table.labels[rows], table.boxes_xywh[rows], table.scores[rows])
        )
    for result in (found, streamed.result()):
        for name in TENSORS:
            np.testing.assert_array_equal(getattr(result, name), expected.eval[name], err_msg=name, strict=True)
        assert list(result.stats().values()) == expected.stats.tolist()
