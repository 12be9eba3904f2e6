"""The COCO evaluator equals pycocotools with `==`: every element of every tensor, and the twelve numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_freeze.errors import InputError
from bench_freeze.evaluate import Evaluation, evaluate
from bench_freeze.evaluate.protocols import AREA_RANGES, IOU_THRESHOLDS, RECALL_THRESHOLDS
from bench_freeze.evaluate.summarize import summary_lines

pytest.importorskip("pycocotools")

from tests.parity.coco_peer import run_pycocotools
from tests.workloads import Workload, detection_table, make_workload, truth_table


def assert_equal(workload: Workload) -> Evaluation:
    expected, summary = run_pycocotools(workload)
    found = evaluate(workload.truth, workload.detections)
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(getattr(found, name), expected.eval[name], err_msg=name, strict=True)
    assert list(found.stats().values()) == expected.stats.tolist()
    assert "\n".join(summary_lines(found)) + "\n" == summary
    return found


def test_constants_are_those_of_pycocotools() -> None:
    from pycocotools.cocoeval import Params

    params = Params("bbox")
    assert params.iouThrs.tolist() == IOU_THRESHOLDS.tolist()
    assert params.recThrs.tolist() == RECALL_THRESHOLDS.tolist()
    assert [tuple(areas) for areas in params.areaRng] == list(AREA_RANGES.values())
    assert params.areaRngLbl == list(AREA_RANGES)


WORKLOADS: dict[str, dict[str, Any]] = {
    "usual": {"images": 40, "classes": 6, "truth_rows": 250, "rows": 1500},
    "many detections per image": {"images": 3, "classes": 2, "truth_rows": 60, "rows": 1500},
    "score ties": {"images": 20, "classes": 3, "truth_rows": 200, "rows": 1200, "score_levels": 4},
    "one score": {"images": 20, "classes": 3, "truth_rows": 200, "rows": 1200, "score_levels": 1},
    "IoUs on the thresholds": {"images": 12, "classes": 3, "truth_rows": 150, "rows": 900, "lattice": True},
    "lattice and ties": {"images": 9, "classes": 2, "truth_rows": 90, "rows": 700, "lattice": True, "score_levels": 3},
    "crowds": {"images": 10, "classes": 3, "truth_rows": 150, "rows": 800, "crowd_share": 0.6},
    "only crowds": {"images": 5, "classes": 2, "truth_rows": 30, "rows": 200, "crowd_share": 1.0},
    "large boxes": {"images": 20, "classes": 4, "truth_rows": 150, "rows": 800, "size": 150.0},
    "annotation id 0": {"images": 2, "classes": 1, "truth_rows": 6, "rows": 40, "zero_id": True, "lattice": True},
    "sparse": {"images": 60, "classes": 30, "truth_rows": 20, "rows": 30},
    "no detections": {"images": 4, "classes": 3, "truth_rows": 10, "rows": 0},
    "no ground truth": {"images": 4, "classes": 3, "truth_rows": 0, "rows": 10},
    "one of each": {"images": 1, "classes": 1, "truth_rows": 1, "rows": 1},
    "nothing": {"images": 1, "classes": 1, "truth_rows": 0, "rows": 0},
}


@pytest.mark.parametrize("options", WORKLOADS.values(), ids=WORKLOADS.keys())
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_workloads(options: dict[str, Any], seed: int) -> None:
    assert_equal(make_workload(seed=seed, **options))


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    images=st.integers(1, 4),
    classes=st.integers(1, 3),
    truth_rows=st.integers(0, 25),
    rows=st.integers(0, 60),
    lattice=st.booleans(),
    score_levels=st.sampled_from([None, 1, 2, 5]),
    crowd_share=st.sampled_from([0.0, 0.2, 0.7]),
    size=st.sampled_from([4.0, 30.0, 90.0]),
    zero_id=st.booleans(),
)
def test_drawn_workloads(**options: Any) -> None:
    assert_equal(make_workload(**options))


def one_image(truths: list[tuple[Any, ...]], found: list[tuple[Any, ...]]) -> Workload:
    """Rows (box, area, is_crowd) and (box, score) of one image and class."""
    truth = truth_table(
        1, 1, [0] * len(truths), [0] * len(truths), [t[0] for t in truths], [t[1] for t in truths],
        [t[2] for t in truths], range(1, len(truths) + 1),
    )  # fmt: skip
    rows = [0] * len(found)
    return Workload(truth, detection_table(rows, rows, [f[0] for f in found], [f[1] for f in found]))


@pytest.mark.parametrize("width", range(1, 21))
def test_one_iou_exactly_on_a_threshold(width: int) -> None:
    assert_equal(one_image([((0, 0, 20, 1), 20, False)], [((0, 0, width, 1), 0.5)]))


@pytest.mark.parametrize("side", [32, 96, 1e5])
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_areas_on_the_bounds_belong_to_both_ranges(side: float, step: int) -> None:
    area = side * side if step == 0 else np.nextafter(side * side, step * np.inf)
    box, narrow = (0, 0, side, side), (0, 0, side, side * 0.3)
    found = assert_equal(one_image([(box, area, False), (narrow, 1, False)], [(box, 0.9), (narrow, 0.8)]))
    counted = {name for name, r in zip(AREA_RANGES, found.recall[0, 0, :, 2], strict=True) if r > -1}
    if (side, step) == (32, 0):
        assert counted == {"all", "small", "medium"}


def test_crowd_is_matched_again_and_ignored_area_is_not() -> None:
    crowd = ((0, 0, 100, 100), 10_000, True)
    inside = [((10 * i, 0, 10, 10), 0.9 - i / 100) for i in range(8)]
    assert_equal(one_image([crowd, ((0, 0, 10, 10), 100, False)], inside))
    assert_equal(one_image([((0, 0, 200, 200), 1e11, False)], [((0, 0, 200, 200), s) for s in (0.9, 0.8)]))


def test_ignored_ground_truth_is_not_looked_at_after_a_real_match() -> None:
    better_but_crowd = ((0, 0, 10, 10), 100, True)
    assert_equal(one_image([better_but_crowd, ((0, 0, 10, 8), 80, False)], [((0, 0, 10, 10), 0.9)]))


def test_of_equal_overlaps_the_later_ground_truth_is_taken() -> None:
    twins = [((0, 0, 10, 10), 100, False)] * 3
    assert_equal(one_image(twins, [((0, 0, 10, 10), s) for s in (0.9, 0.9, 0.9, 0.9)]))


def test_boxes_without_area() -> None:
    flat = ((5, 5, 0, 10), 0, False)
    assert_equal(one_image([flat, ((0, 0, 10, 10), 100, False)], [(flat[0], 0.9), ((0, 0, 0, 0), 0.8)]))
    tiny = (0, 0, 1e-170, 1e-170)  # the areas underflow and the IoU is 0 / 0
    assert_equal(one_image([(tiny, 1, False), (tiny, 1, True), (tiny, 1, False)], [(tiny, 0.9), (tiny, 0.8)]))
    assert_equal(one_image([(tiny, 1, False)], [(tiny, 0.9), (tiny, 0.8)]))


def test_negative_sizes_are_refused() -> None:
    """pycocotools takes them, and they overlap nothing there; here they are a mistake that somebody should hear of."""
    for box in ((10, 10, -10, 10), (10, 0, 10, -10)):
        workload = one_image([((0, 0, 10, 10), 100, False)], [((0, 0, 10, 10), 0.9), (box, 0.8)])
        with pytest.raises(InputError, match=r"box of row 1 is .*-10"):
            evaluate(workload.truth, workload.detections)


def test_scores_that_differ_late_or_tie_at_zero() -> None:
    box = (0, 0, 10, 10)
    base = 0.5
    scores = [base, np.nextafter(base, 1), base, np.nextafter(base, 0), 0.0, -0.0, 0.0, -1.5, 1e300, -1e-300]
    truths = [((i, 0, 10, 10), 100, False) for i in range(10)]
    assert_equal(one_image(truths, [((i, 0, 10, 10), s) for i, s in enumerate(scores)]))
    assert_equal(one_image(truths, [(box, s) for s in scores[::-1]]))


def test_many_scores_that_agree_in_their_upper_half() -> None:
    workload = make_workload(seed=5, images=30, classes=1, truth_rows=100, rows=800)
    scores = 0.5 + workload.detections.scores * 2.0**-30
    found = workload.detections
    assert_equal(Workload(workload.truth, detection_table(found.image_index, found.labels, found.boxes_xywh, scores)))


def test_annotation_id_zero_is_never_found_unless_corrected() -> None:
    box = [[0, 0, 50, 50]]
    workload = Workload(truth_table(1, 1, [0], [0], box, [2500], [False], [0]), detection_table([0], [0], box, [0.9]))
    assert assert_equal(workload).ap() == 0
    corrected = evaluate(workload.truth, workload.detections, protocol="coco-corrected")
    assert corrected.ap() == pytest.approx(1)
    assert corrected.protocol == "coco-corrected"


@pytest.mark.parametrize("max_detections", [(1, 10, 100), (100, 3, 5), (7,), (1, 2, 3, 300)])
def test_other_maxima(max_detections: tuple[int, ...]) -> None:
    workload = make_workload(seed=3, images=3, classes=2, truth_rows=40, rows=900)
    expected, _ = run_pycocotools(workload, maxDets=list(max_detections))
    found = evaluate(workload.truth, workload.detections, max_detections=max_detections)
    assert found.max_detections == tuple(sorted(max_detections))
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(getattr(found, name), expected.eval[name], err_msg=name)


@pytest.mark.parametrize("thresholds", [np.linspace(0.05, 0.95, 19), np.array([0.75, 0.5, 1.0]), np.linspace(0, 1, 65)])
def test_other_thresholds_and_areas(thresholds: Any) -> None:
    """More than 64 pairs of threshold and area range go through the kernel in parts."""
    workload = make_workload(seed=4, images=6, classes=2, truth_rows=60, rows=400, lattice=True)
    ranges = {"tiny": (0.0, 9.0), "all": (0.0, 1e10), "rest": (9.0, 1e10)}
    expected, _ = run_pycocotools(
        workload, iouThrs=thresholds, areaRng=[list(r) for r in ranges.values()], areaRngLbl=list(ranges)
    )
    found = evaluate(workload.truth, workload.detections, iou_thresholds=thresholds, area_ranges=ranges)
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(getattr(found, name), expected.eval[name], err_msg=name)


def test_numbers_per_class_and_per_threshold() -> None:
    workload = make_workload(seed=6, images=20, classes=5, truth_rows=80, rows=500, crowd_share=0)
    truth = workload.truth
    has_two = truth.labels != 2
    truth = truth_table(
        20, 5, truth.image_index[has_two], truth.labels[has_two], truth.boxes_xywh[has_two], truth.area[has_two],
        truth.is_crowd[has_two], truth.annotation_ids[has_two],
    )  # fmt: skip
    found = evaluate(truth, workload.detections)
    per_class = found.ap_per_class()
    assert per_class[2] is None
    assert found.ap50_per_class()[2] is None
    assert found.ground_truth_count.tolist() == np.bincount(truth.labels, minlength=5).tolist()
    assert np.mean([ap for ap in per_class if ap is not None]) == pytest.approx(found.ap())
    assert list(found.ap_by_iou()) == IOU_THRESHOLDS.tolist()
    assert found.ap_by_iou()[0.5] == found.ap50() == found.stats()["AP50"]


def test_refuses_what_has_no_order_or_no_place() -> None:
    workload = make_workload(seed=7, images=3, classes=2, truth_rows=5, rows=5)
    found = workload.detections
    for column, value, message in (
        ("scores", np.nan, "score of row 3 is nan, not finite"),
        ("scores", np.inf, "score of row 3 is inf, not finite"),
        ("boxes", np.inf, "box of row 3"),
        ("image", 3, "row 3 names image 3"),
        ("label", -1, "row 3 names class -1"),
    ):
        columns = {
            "image": found.image_index.copy(), "label": found.labels.copy(),
            "boxes": found.boxes_xywh.copy(), "scores": found.scores.copy(),
        }  # fmt: skip
        columns[column][3] = value
        with pytest.raises(InputError, match=message):
            evaluate(workload.truth, detection_table(*columns.values()))
    with pytest.raises(InputError, match="unknown"):
        evaluate(workload.truth, found, protocol="voc")
    with pytest.raises(InputError, match="from 1 on"):
        evaluate(workload.truth, found, max_detections=(0, 1))
