"""One size alone: as if nothing else had been evaluated, by every protocol and on every resample."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_freeze.errors import InputError
from bench_freeze.evaluate import evaluate
from bench_freeze.evaluate.bootstrap import resampled_ap, whole_ap
from bench_freeze.evaluate.breakdown import IOU_THRESHOLDS
from bench_freeze.evaluate.protocols import AREA_RANGES
from tests.unit.evaluate.test_compare import drawn, with_copies
from tests.workloads import Workload, make_workload

PROTOCOLS = ("coco", "coco-corrected", "voc-all", "voc-11")
# 18 thresholds and 4 areas are more lanes than a word has; ties and boxes on a grid are where rules differ.
FORMS: list[dict[str, Any]] = [{"size": 50.0}, {"lattice": True, "score_levels": 5, "crowd_share": 0.3}]


def workload(form: dict[str, Any], rows: int = 500) -> Workload:
    return make_workload(images=12, classes=3, truth_rows=110, rows=rows, seed=3, zero_id=True, **form)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("form", FORMS)
def test_a_size_is_what_an_evaluation_of_it_alone_finds(protocol: Any, form: dict[str, Any]) -> None:
    made = workload(form)
    found = evaluate(
        made.truth, made.detections, protocol=protocol, iou_thresholds=IOU_THRESHOLDS, area_ranges=AREA_RANGES
    )
    assert len(found.matches.masks) == 2
    for size, ends in AREA_RANGES.items():
        alone = evaluate(
            made.truth, made.detections, protocol=protocol, iou_thresholds=IOU_THRESHOLDS, area_ranges={"all": ends}
        )
        own = found.of_size(size)
        assert own.ap_by_iou() == alone.ap_by_iou()
        for mine, theirs in zip(own.matches.masks, alone.matches.masks, strict=True):
            np.testing.assert_array_equal(mine.true_positive, theirs.true_positive)
            np.testing.assert_array_equal(mine.ignored, theirs.ignored)
        np.testing.assert_array_equal(own.precision, alone.precision)
        inside = (made.truth.area >= ends[0]) & (made.truth.area <= ends[1]) & ~made.truth.is_crowd
        assert own.ground_truth_count.sum() == inside.sum()


def test_a_size_that_was_not_evaluated_is_a_sentence() -> None:
    made = workload({})
    with pytest.raises(InputError, match="area range 'tiny' was not evaluated: give one of all, small"):
        evaluate(made.truth, made.detections).of_size("tiny")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("size", AREA_RANGES)
def test_with_every_image_once_a_resample_is_the_evaluation(protocol: Any, size: str) -> None:
    made = workload(FORMS[0])
    found = evaluate(
        made.truth, made.detections, protocol=protocol, iou_thresholds=IOU_THRESHOLDS, area_ranges=AREA_RANGES
    ).of_size(size)
    ap = whole_ap(found)[0]
    assert np.isfinite(ap).any()
    assert np.nanmean(ap, axis=0) == pytest.approx(list(found.ap_by_iou().values()), abs=1e-13)


@pytest.mark.parametrize("protocol", ["voc-all", "voc-11"])
@pytest.mark.parametrize("form", FORMS)
def test_an_image_that_is_drawn_twice_is_two_images(protocol: Any, form: dict[str, Any]) -> None:
    """VOC has no limit of detections an image: the workload has more than COCO's 100 in some class and image."""
    made = workload(form, rows=1200)
    crowded = replace(made.detections, image_index=made.detections.image_index % 2)
    made = replace(made, detections=crowded)
    options: dict[str, Any] = {"protocol": protocol, "iou_thresholds": [0.1, 0.3, 0.5]}
    result = evaluate(made.truth, made.detections, **options)
    per_class = np.bincount(crowded.labels[crowded.image_index == 0])
    assert per_class.max() > 100
    ap = resampled_ap(8, result, 77, 1)
    for resample in range(8):
        copies = with_copies(made, drawn(77, resample, 12))
        alone = evaluate(copies.truth, copies.detections, **options)
        expected = np.array([[np.nan] * 3 if own is None else own for own in by_class(alone)])
        np.testing.assert_allclose(ap[resample], expected, rtol=0, atol=1e-13)


def by_class(result: Any) -> list[list[float] | None]:
    """[K] AP at each threshold, by the evaluation's own reading of one threshold at a time."""
    found: list[list[float] | None] = []
    for label in range(3):
        at = [float(result._curve_ap[label, t]) for t in range(len(result.iou_thresholds))]
        found.append(at if result.ground_truth_count[label] else None)
    return found
