"""The protocols of VOC against the development kit's steps, written out."""

from __future__ import annotations

import numpy as np
import pytest

from bench_freeze import Evaluator
from bench_freeze.errors import InputError
from bench_freeze.evaluate.eval_report import ap_at
from bench_freeze.evaluate.protocols import thresholds_of
from tests.workloads import Workload, make_workload


def devkit_ap(workload: Workload, label: int, *, eleven: bool, threshold: float = 0.5) -> float:
    """VOCevaldet: detections by score; each asks for its highest overlap, taken or not."""
    truth, found = workload.truth, workload.detections
    rows = np.flatnonzero(found.labels == label)
    rows = rows[np.lexsort((rows, found.image_index[rows], -found.scores[rows]))]
    wanted = truth.labels == label
    count = int((wanted & ~truth.is_crowd).sum())
    taken: set[int] = set()
    hits, misses = [], []
    for row in rows:
        best, chosen = -np.inf, -1
        for j in np.flatnonzero(wanted & (truth.image_index == found.image_index[row])):
            a, b = found.boxes_xywh[row], truth.boxes_xywh[j]
            width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
            height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
            if width > 0 and height > 0:
                iou = width * height / (a[2] * a[3] + b[2] * b[3] - width * height)
                if iou > best:
                    best, chosen = iou, int(j)
        is_match = best >= threshold
        is_difficult = is_match and bool(truth.is_crowd[chosen])
        hits.append(is_match and not is_difficult and chosen not in taken)
        misses.append(not hits[-1] and not is_difficult)
        if hits[-1]:
            taken.add(chosen)
    tp, fp = np.cumsum(hits, dtype=float), np.cumsum(misses, dtype=float)
    with np.errstate(invalid="ignore"):
        recall, precision = tp / count, np.nan_to_num(tp / (tp + fp))
    if eleven:
        return sum(max(precision[recall >= i / 10], default=0.0) for i in range(11)) / 11
    mrec, mpre = np.concatenate([[0], recall, [1]]), np.concatenate([[0], precision, [0]])
    mpre = np.maximum.accumulate(mpre[::-1])[::-1]
    steps = np.flatnonzero(mrec[1:] != mrec[:-1])
    return float(((mrec[steps + 1] - mrec[steps]) * mpre[steps + 1]).sum())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lattice", [False, True])
def test_equals_the_development_kit(seed: int, lattice: bool) -> None:
    workload = make_workload(
        images=12, classes=3, truth_rows=120, rows=500, seed=seed, lattice=lattice, crowd_share=0.2, score_levels=50
    )
    for protocol, eleven in (("voc-all", False), ("voc-11", True)):
        evaluator = Evaluator(workload.truth, protocol)
        evaluator.update_table(workload.detections)
        result = evaluator.result()
        expected = [devkit_ap(workload, label, eleven=eleven) for label in range(3)]
        assert result.ap_per_class() == pytest.approx(expected, abs=1e-14)
        assert result.ap() == result.ap50() == pytest.approx(np.mean(expected), abs=1e-14)
        assert result.stats()["AP75"] == -1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lattice", [False, True])
def test_equals_the_development_kit_s_steps_at_every_iou(seed: int, lattice: bool) -> None:
    """The kit has 0.5 only; its steps with another number in the same place are what papers call mAP at IoU 0.7."""
    workload = make_workload(
        images=10, classes=3, truth_rows=90, rows=300, seed=seed, lattice=lattice, crowd_share=0.2, score_levels=40
    )
    ious = thresholds_of("0.10:0.05:0.95")
    assert len(ious) == 18
    for protocol, eleven in (("voc-all", False), ("voc-11", True)):
        at = ap_at(workload.truth, workload.detections, ious, protocol)
        found = at.by_iou
        assert at.by_size == {}  # the kit knows no sizes
        assert list(found) == [f"{iou:.2f}" for iou in ious]
        for iou in ious:
            expected = [devkit_ap(workload, label, eleven=eleven, threshold=iou) for label in range(3)]
            assert found[f"{iou:.2f}"] == pytest.approx(np.mean(expected), abs=1e-14)


@pytest.mark.parametrize("text", ["", "x", "0", "1.1", "0.5:0:0.9", "0.9:0.1", "0.5:-0.1:0.9", "nan", "0.01:0.001:0.9"])
def test_thresholds_that_are_none_are_a_sentence(text: str) -> None:
    with pytest.raises(InputError, match="give numbers above 0"):
        thresholds_of(text)
