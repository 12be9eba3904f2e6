"""The protocols of VOC against the development kit's steps, written out."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from bench_freeze import Evaluator
from bench_freeze.data.dataset import GroundTruth
from bench_freeze.errors import InputError
from bench_freeze.evaluate.eval_report import ap_at
from bench_freeze.evaluate.protocols import thresholds_of
from tests.workloads import Workload, make_workload

EVERY_AREA = (0.0, np.inf)
SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}


def devkit_ap(
    workload: Workload,
    label: int,
    *,
    eleven: bool,
    threshold: float = 0.5,
    area: tuple[float, float] = EVERY_AREA,
) -> float | None:
    """VOCevaldet: detections by score; each asks for its highest overlap, taken or not. None without ground truth.

    The kit knows no sizes. Beyond it an object of another size counts as difficult, but is taken once, and what matches
    nothing counts only if its own size is asked for: COCO's rule.
    """
    truth, found = workload.truth, workload.detections
    rows = np.flatnonzero(found.labels == label)
    rows = rows[np.lexsort((rows, found.image_index[rows], -found.scores[rows]))]
    wanted = truth.labels == label
    is_ignored = truth.is_crowd | (truth.area < area[0]) | (truth.area > area[1])
    count = int((wanted & ~is_ignored).sum())
    if not count:
        return None
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
        is_match = best >= threshold and (chosen not in taken or bool(truth.is_crowd[chosen]))
        own_area = found.boxes_xywh[row, 2] * found.boxes_xywh[row, 3]
        hits.append(is_match and not is_ignored[chosen])
        misses.append(not is_match and area[0] <= own_area <= area[1])
        if is_match:
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
        found = ap_at(workload.truth, workload.detections, ious, protocol).by_iou
        assert list(found) == [f"{iou:.2f}" for iou in ious]
        for iou in ious:
            assert found[f"{iou:.2f}"] == pytest.approx(mean_ap(workload, eleven=eleven, threshold=iou), abs=1e-14)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("empty", [False, True])
def test_by_size_objects_of_other_sizes_are_difficult_at_every_iou(seed: int, empty: bool) -> None:
    """Sizes of truth and detections differ, scores tie, and a class may have no object of a size, or none at all."""
    workload = make_workload(
        images=10, classes=3, truth_rows=90, rows=300, seed=seed, size=50.0, crowd_share=0.2, score_levels=40
    )
    if empty:
        kept = (workload.truth.labels != 1) & ((workload.truth.labels != 2) | (workload.truth.area > 32**2))
        workload = dataclasses.replace(workload, truth=rows_of(workload.truth, kept))
    ious = thresholds_of("0.10:0.05:0.95")
    for protocol, eleven in (("voc-all", False), ("voc-11", True)):
        found = ap_at(workload.truth, workload.detections, ious, protocol).by_size
        for iou in ious:
            own = found[f"{iou:.2f}"]
            expected = {size: mean_ap(workload, eleven=eleven, threshold=iou, area=SIZES[size]) for size in SIZES}
            assert own == pytest.approx(expected, abs=1e-14)
    assert {size: mean_ap(workload, eleven=False, area=SIZES[size]) > 0 for size in SIZES} == dict.fromkeys(SIZES, True)


def mean_ap(workload: Workload, **options: Any) -> float:
    """The mean over the classes that have objects."""
    every = [devkit_ap(workload, label, **options) for label in range(3)]
    return float(np.mean([ap for ap in every if ap is not None]))


def rows_of(truth: GroundTruth, kept: np.ndarray) -> GroundTruth:
    """Ground truth of some of its boxes."""
    names = ("image_index", "labels", "boxes_xywh", "area", "is_crowd", "annotation_ids")
    return dataclasses.replace(truth, **{name: getattr(truth, name)[kept] for name in names})


@pytest.mark.parametrize("text", ["", "x", "0", "1.1", "0.5:0:0.9", "0.9:0.1", "0.5:-0.1:0.9", "nan", "0.01:0.001:0.9"])
def test_thresholds_that_are_none_are_a_sentence(text: str) -> None:
    with pytest.raises(InputError, match="give numbers above 0"):
        thresholds_of(text)
