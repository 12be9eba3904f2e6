"""A check on images that say nothing of other images: no interval, no p-value, no proof."""

import dataclasses

import numpy as np
import pytest

from bench_freeze.check.accuracy_change import HeadNumbers, fall, images_of, rise
from bench_freeze.check.accuracy_rules import too_few
from bench_freeze.check.finding import Finding
from bench_freeze.check.judge import Test as Judged
from bench_freeze.check.judge import decide
from bench_freeze.check.limit import parse_limit
from bench_freeze.data.dataset import DetectionTable
from bench_freeze.evaluate import evaluate
from tests.unit.conclusions.test_no_interval import boxes_in_one_image, one_image, truth_of

BLANK = Finding("base_map", "row", (), "base mAP", "AP", "PASS", "", limit_text="0.005")
NAMES = ("a", "b")


def numbers(truth, rows, score=0.9):
    scores = np.linspace(score, 0.3, len(rows))
    found = DetectionTable(truth.image_index[rows], truth.labels[rows], truth.boxes_xywh[rows], scores)
    return HeadNumbers(evaluate(truth, found), resamples=200)


def judged(change):
    (finding,) = decide([Judged(BLANK, change, parse_limit("0.005", "test", "base_map"))])
    return finding


@pytest.mark.parametrize("kind", [one_image, boxes_in_one_image], ids=lambda kind: kind.__name__)
def test_a_head_with_boxes_in_one_image_is_not_judged(kind):
    truth = kind(NAMES).ground_truth
    words = too_few(images_of(numbers(truth, np.arange(8)).evaluation))
    assert ("1 images are too few" if kind is one_image else "more than one image") in words


def test_a_class_in_one_image_is_never_proven_to_have_fallen():
    label = np.r_[np.zeros(12, int), np.ones(12, int)]
    truth = truth_of(np.r_[np.arange(12), np.full(12, 5)], label, ("wide", "narrow"), 12)
    before, after = numbers(truth, np.arange(24)), numbers(truth, np.r_[0:6, 12:18])
    over = [images_of(before.evaluation, k) for k in (0, 1)]
    assert [images.varying for images in over] == [12, 1]
    wide, narrow = (judged(fall(before.class_ap(k), after.class_ap(k), over[k])) for k in (0, 1))
    assert wide.status == "REGRESSION"
    assert narrow.status == "AMBIGUOUS"
    assert narrow.low is narrow.high is narrow.p_value is None
    assert narrow.change == pytest.approx(0.5, abs=0.02)
    assert "no interval and no test: no class has boxes in more than one image" in narrow.sentence
    assert "measure again" not in narrow.sentence
    kept = judged(fall(before.class_ap(1), before.class_ap(1), over[1]))
    assert kept.status == "PASS"
    assert kept.p_value is None


def test_copies_of_one_image_prove_nothing():
    """Every resample of them is the same."""
    truth = truth_of(np.repeat(np.arange(12), 2), np.zeros(24, int), ("a",), 12)
    boxes = truth.boxes_xywh.copy()
    boxes[:] = np.tile(boxes[:2], (12, 1))
    truth = dataclasses.replace(truth, boxes_xywh=boxes)

    def found(rows):
        table = DetectionTable(truth.image_index[rows], truth.labels[rows], boxes[rows], np.full(len(rows), 0.5))
        return HeadNumbers(evaluate(truth, table), resamples=100)

    before, after = found(np.arange(24)), found(np.arange(0, 24, 2))
    over = images_of(before.evaluation)
    for change in (
        fall(before.map(), after.map(), over),
        fall(before.map50(), after.map50(), over),
        fall(before.f1(), after.f1(), over),
    ):
        finding = judged(change)
        assert finding.status == "AMBIGUOUS"
        assert finding.low is finding.p_value is None
        assert "same number" in finding.sentence
    assert judged(rise(before.calibration(), before.calibration(), over)).status == "PASS"


def test_no_change_on_images_that_can_vary_passes_with_its_interval():
    truth = truth_of(np.arange(12), np.zeros(12, int), ("a",), 12)
    head = numbers(truth, np.arange(0, 12, 2))
    same = judged(fall(head.map(), head.map(), images_of(head.evaluation)))
    assert (same.status, same.change, same.low, same.high) == ("PASS", 0, 0, 0)


def test_untested_changes_cost_the_others_nothing():
    """Holm counts only what was tested."""
    truth = truth_of(np.r_[np.arange(12), np.full(12, 5)], np.repeat([0, 1], 12), ("wide", "narrow"), 12)
    before, after = numbers(truth, np.arange(24)), numbers(truth, np.r_[0:6, 12:18])
    wide, narrow = (fall(before.class_ap(k), after.class_ap(k), images_of(before.evaluation, k)) for k in (0, 1))
    limit = parse_limit("0.005", "test", "base_map")
    first, second, third = decide([Judged(BLANK, change, limit) for change in (narrow, wide, narrow)])
    assert first.p_value is third.p_value is None
    assert second.p_value == wide.p_value()
