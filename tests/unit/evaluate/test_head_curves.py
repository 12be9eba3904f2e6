"""Precision-recall and F1 curves against counting by hand, and what a confusion matrix counts."""

import numpy as np
import pytest

from bench_freeze.evaluate import evaluate
from bench_freeze.evaluate.head_curves import CONFUSION_SCORE, SCORES, confusion, head_curves
from tests.workloads import make_workload


@pytest.fixture(params=range(4))
def workload(request):
    return make_workload(
        images=12, classes=5, truth_rows=60, rows=400, seed=request.param, score_levels=request.param * 8
    )


def test_the_mean_of_the_precision_is_map50(workload):
    evaluation = evaluate(workload.truth, workload.detections)
    found = head_curves(evaluation)
    assert found.precision.mean() == pytest.approx(evaluation.ap50(), abs=1e-12)
    assert np.all(np.diff(found.precision) <= 1e-12)


def test_f1_equals_an_evaluation_of_the_detections_that_are_kept(workload):
    """At every threshold the rest is scored anew: hits and false detections of a class do not depend on worse ones."""
    found = workload.detections
    curve = head_curves(evaluate(workload.truth, found)).f1
    for position in range(0, 101, 10):
        kept = found.scores >= SCORES[position]
        table = type(found)(found.image_index[kept], found.labels[kept], found.boxes_xywh[kept], found.scores[kept])
        evaluation = evaluate(workload.truth, table, iou_thresholds=[0.5], area_ranges={"all": (0.0, 1e10)})
        masks = evaluation.matches.masks[0]
        hit, ignored = masks.true_positive[:, 0] & 1 > 0, masks.ignored[:, 0] & 1 > 0
        f1 = []
        for label, truths in enumerate(evaluation.ground_truth_count):
            own = evaluation.matches.label == label
            hits, false = (own & hit & ~ignored).sum(), (own & ~hit & ~ignored).sum()
            if truths:
                f1.append(2 * hits / (hits + false + truths))
        assert curve[position] == pytest.approx(np.mean(f1), abs=1e-12)


def test_a_head_without_annotated_boxes_has_no_curves():
    empty = make_workload(images=3, classes=2, truth_rows=0, rows=20, seed=0)
    assert head_curves(evaluate(empty.truth, empty.detections)) is None


def test_every_box_and_every_detection_is_counted_once(workload):
    truth, found = workload.truth, workload.detections
    counts = confusion(truth, found)
    own = np.bincount(truth.labels[~truth.is_crowd], minlength=5)
    assert counts[:5].sum(axis=1).tolist() == own.tolist()
    detected = np.bincount(found.labels[found.scores > CONFUSION_SCORE], minlength=5)
    assert np.all(counts[:, :5].sum(axis=0) <= detected)  # those in crowd regions count as nothing
    without = type(truth)(**{**vars(truth), "is_crowd": np.zeros(len(truth), np.bool_)})
    assert confusion(without, found)[:, :5].sum(axis=0).tolist() == detected.tolist()
