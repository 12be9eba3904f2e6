"""The streaming evaluator: order, batches, processes and threads change nothing; mistakes change nothing either."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bench_freeze
from bench_freeze import Evaluator, Letterbox, nms
from bench_freeze.errors import InputError
from bench_freeze.evaluate import Evaluation, evaluate
from tests.heads import random_head
from tests.workloads import Workload, make_workload, truth_table

PROTOCOLS = bench_freeze.PROTOCOLS


def entries(workload: Workload, images: Any) -> list[tuple[Any, Any, Any]]:
    """(boxes_xyxy, scores, labels) of each image."""
    found = workload.detections
    out = []
    for image in images:
        rows = found.image_index == image
        boxes = found.boxes_xywh[rows].copy()
        boxes[:, 2:] += boxes[:, :2]
        out.append((boxes, found.scores[rows], found.labels[rows]))
    return out


def assert_same(a: Evaluation, b: Evaluation) -> None:
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    np.testing.assert_array_equal(a.matches.begin, b.matches.begin)
    assert a.stats() == b.stats()
    assert a.ap_per_class() == b.ap_per_class()
    assert a.best_f1() == b.best_f1()
    assert a.counts == b.counts


def fed(workload: Workload, groups: Any, protocol: Any = "coco", threads: int = 1) -> Evaluator:
    evaluator = Evaluator(workload.truth, protocol, threads=threads)
    for images in groups:
        evaluator.update(workload.truth.image_ids[images], detections=entries(workload, images))
    return evaluator


@settings(max_examples=25, deadline=None)
@given(data=st.data(), seed=st.integers(0, 5), protocol=st.sampled_from(PROTOCOLS))
def test_batches_order_merges_and_threads_change_nothing(data: Any, seed: int, protocol: Any) -> None:
    lattice = seed % 2 == 0
    workload = make_workload(
        images=12, classes=3, truth_rows=60, rows=300, seed=seed, lattice=lattice, score_levels=3, zero_id=True
    )
    whole = fed(workload, [np.arange(12)], protocol).result()
    order = np.array(data.draw(st.permutations(range(12))))
    cuts = sorted(data.draw(st.lists(st.integers(0, 12), max_size=4)))
    groups = np.split(order, cuts)
    threads = data.draw(st.integers(1, 4))
    first = data.draw(st.integers(0, len(groups)))
    a = fed(workload, groups[:first], protocol, threads)
    b = pickle.loads(pickle.dumps(fed(workload, groups[first:], protocol)))
    assert_same(fed(workload, groups, protocol, threads).result(), whole)
    if data.draw(st.booleans()):
        a, b = b, a
    a.merge(b)
    assert_same(a.result(), whole)


def test_hundreds_of_small_updates_leave_an_earlier_result_as_it_is() -> None:
    workload = make_workload(images=700, classes=3, truth_rows=900, rows=4_000, seed=9, score_levels=40)
    order = np.random.default_rng(1).permutation(700)
    evaluator = fed(workload, np.split(order[:300], 300))
    early = evaluator.result()
    entries_of_rest = entries(workload, order[300:])
    for image, entry in zip(order[300:], entries_of_rest, strict=True):
        evaluator.update(workload.truth.image_ids[[image]], detections=[entry])
    assert_same(evaluator.result(), fed(workload, [np.arange(700)]).result())
    assert_same(early, fed(workload, [order[:300]]).result())


def test_streaming_equals_the_whole_table() -> None:
    workload = make_workload(images=15, classes=4, truth_rows=80, rows=600, seed=3)
    found = workload.detections
    table = evaluate(workload.truth, found)
    streamed = fed(workload, np.array_split(np.arange(15), 4)).result()
    # corners and back: the last bit of a width may differ, and the matching of this workload does not notice
    assert streamed.stats() == table.stats()


def test_what_is_kept_of_a_detection() -> None:
    workload = make_workload(images=100, classes=4, truth_rows=80, rows=20_000, seed=3)
    evaluator = Evaluator(workload.truth)
    before = len(pickle.dumps(evaluator))
    evaluator.update_table(workload.detections)
    assert (len(pickle.dumps(evaluator)) - before) / 20_000 < 23


def test_more_than_64_lanes() -> None:
    workload = make_workload(images=15, classes=4, truth_rows=80, rows=600, seed=3)
    thresholds = np.linspace(0, 1, 51)
    whole = evaluate(workload.truth, workload.detections, iou_thresholds=thresholds)
    parts = [evaluate(workload.truth, workload.detections, iou_thresholds=[t]) for t in thresholds]
    np.testing.assert_array_equal(whole.precision, np.concatenate([part.precision for part in parts]))
    assert whole.best_f1(0.8) == parts[40].best_f1(0.8)


def test_counts() -> None:
    box = np.array([[0, 0, 10, 10]])
    truth = truth_table(5, 1, [0, 1], [0, 0], np.tile(box, (2, 1)), [100, 100], [False] * 2, [1, 2])
    evaluator = Evaluator(truth, max_detections=(1, 2))
    ids = truth.image_ids
    nearly = np.array([[0, 0, 10, 5.000001]])
    evaluator.update(ids[:1], detections=[(np.concatenate([box, box, nearly]), np.array([0.5, 0.5, 0.4]), np.zeros(3))])
    evaluator.update(ids[1:3], detections=[(box, np.array([0.4]), np.zeros(1)), (box[:0], np.zeros(0), np.zeros(0))])
    counts = evaluator.result().counts
    assert (counts.images, counts.skipped_images, counts.detections) == (5, 2, 4)
    assert (counts.truncated_detections, counts.near_threshold, counts.tied_scores) == (1, 1, 4)


def test_best_f1_is_that_of_the_raw_curve() -> None:
    workload = make_workload(images=30, classes=3, truth_rows=150, rows=900, seed=8, score_levels=40)
    result = fed(workload, [np.arange(30)], "coco-corrected").result()
    for label, best in enumerate(result.best_f1(0.5)):
        expected = max(
            (f1_at(workload, result, label, threshold), threshold)
            for threshold in np.unique(workload.detections.scores)
        )
        assert best is not None
        assert best.f1 == pytest.approx(expected[0], abs=1e-15)
        assert f1_at(workload, result, label, best.score) == pytest.approx(best.f1, abs=1e-15)


def f1_at(workload: Workload, result: Evaluation, label: int, threshold: float) -> float:
    rows = (result.matches.label == label) & (result.matches.scores >= threshold)
    true = int((result.matches.masks[0].true_positive[rows, 0] & 1).sum())
    ignored = int((result.matches.masks[0].ignored[rows, 0] & 1).sum())
    return 2 * true / (int(rows.sum()) - ignored + int(result.ground_truth_count[label]))


def test_forms_of_detections() -> None:
    heads = random_head(3, images=2, classes=3, anchors=80)
    rng = np.random.default_rng(0)
    boxes = rng.uniform(0, 100, (20, 4))
    truth = truth_table(
        2, 3, rng.integers(0, 2, 20), rng.integers(0, 3, 20), boxes, boxes[:, 2] * boxes[:, 3], [False] * 20, range(20)
    )
    placement = [Letterbox.fit(100, 80, 64), Letterbox.fit(50, 90, 64)]
    found = nms(heads)
    rows = np.concatenate([found.boxes_xyxy, found.scores[..., None], found.labels[..., None]], axis=2)
    count = found.count
    lists = [
        (found.boxes_xyxy[i, : count[i]], found.scores[i, : count[i]], found.labels[i, : count[i]]) for i in (0, 1)
    ]
    forms: list[dict[str, Any]] = [
        {"predictions": heads},
        {"detections": found},
        {"detections": (count[:, None], found.boxes_xyxy, found.scores, found.labels.astype(np.float32))},
        {"detections": rows},
        {"detections": lists},
    ]
    results = []
    for form in forms:
        evaluator = Evaluator(truth)
        evaluator.update(truth.image_ids, **form, letterbox=placement)
        results.append(evaluator.result())
    assert results[0].counts.detections == count.sum() > 20
    for result in results[1:]:
        np.testing.assert_array_equal(result.precision, results[0].precision)


GOOD = (np.array([[0.0, 0, 4, 4]]), np.array([0.5]), np.array([1]))


def entry(boxes: Any = GOOD[0], scores: Any = GOOD[1], labels: Any = GOOD[2]) -> dict[str, Any]:
    return {"detections": [(np.array(boxes), np.array(scores), np.array(labels))]}


@pytest.mark.parametrize(
    ("ids", "what", "message"),
    [
        ([12], entry(), "image id 12 is not in the ground truth"),
        ([14, 14], {"detections": [GOOD, GOOD]}, "image id 14 is given twice"),
        ([11], entry(), "image id 11 was added before"),
        ([1.5], entry(), "whole numbers"),
        ([[14]], entry(), "one per image"),
        ([14], {}, "one of the two"),
        ([14], entry() | {"predictions": np.zeros((1, 6, 3), np.float32)}, "one of the two"),
        ([14], {"predictions": np.zeros((1, 9, 3), np.float32)}, "5 classes, the ground truth 2"),
        ([14], {"predictions": np.zeros((1, 6, 3))}, "float64"),
        ([14, 17], {"predictions": np.zeros((1, 6, 3), np.float32)}, r"2 image ids and predictions"),
        ([14], {"detections": []}, "detections of 1 images"),
        ([14], {"detections": [GOOD[:2]]}, r"detections\[0\] is not"),
        ([14], {"detections": 3}, "detections of 1 images"),
        ([14], {"detections": np.zeros((1, 3, 5))}, r"\[B, D, 6\]"),
        ([14], {"detections": (np.array([4]), np.zeros((1, 3, 4)), np.zeros((1, 3)), np.zeros((1, 3)))}, "room for 3"),
        ([14], {"detections": (np.array([1]), np.zeros((1, 3, 5)), np.zeros((1, 3)), np.zeros((1, 3)))}, "boxes_xyxy"),
        ([14], entry(scores=[0.5, 0.6]), "give boxes_xyxy"),
        ([14], entry(labels=[2]), "names class 2, and there are 2"),
        ([14], entry(labels=[-1]), "names class -1"),
        ([14], entry(labels=[0.5]), "names class 0.5"),
        ([14], entry(labels=["a"]), "whole numbers"),
        ([14], entry(scores=[np.nan]), "score of row 0 is nan"),
        ([14], entry(scores=[np.inf]), "score of row 0 is inf"),
        ([14], entry(boxes=[[0, 0, np.nan, 1]]), "box of row 0"),
        ([14], entry(boxes=[[5, 0, 4, 4]]), "neither size may be negative"),
        ([14], entry() | {"letterbox": []}, "0 letterboxes"),
    ],
)
def test_a_refused_update_leaves_the_evaluator_as_it_was(ids: Any, what: dict[str, Any], message: str) -> None:
    truth = truth_table(3, 2, [0, 1], [0, 1], [[0, 0, 4, 4]] * 2, [16, 16], [False] * 2, [1, 2])
    evaluator = Evaluator(truth)
    evaluator.update([11], detections=[GOOD])
    before = pickle.dumps(evaluator)
    with pytest.raises(InputError, match=message):
        evaluator.update(ids, **what)
    assert pickle.dumps(evaluator) == before
    evaluator.update([14], detections=[GOOD])
    assert evaluator.result().counts.skipped_images == 1


def changed(**columns: Any) -> Any:
    import dataclasses

    truth = truth_table(3, 2, [0, 1], [0, 1], [[0, 0, 4, 4]] * 2, [16, 16], [False] * 2, [1, 2])
    return dataclasses.replace(truth, **{name: np.array(value) for name, value in columns.items()})


@pytest.mark.parametrize(
    ("truth", "options", "message"),
    [
        (changed(image_index=[0, 3]), {}, "names image 3"),
        (changed(labels=[0, 2]), {}, "names class 2"),
        (changed(boxes_xywh=[[0, 0, 4, -1.0]] * 2), {}, "neither size may be negative"),
        (changed(boxes_xywh=[[0, 0, 4, np.inf]] * 2), {}, "not finite"),
        (changed(boxes_xywh=[[0.0, 0, 4]] * 2), {}, "one row per box"),
        (changed(area=[1.0]), {}, "2 rows and 1 values of area"),
        (changed(area=[1.0, np.nan]), {}, "area of row 1"),
        (changed(annotation_ids=[7, 7]), {}, "annotation id 7 occurs more than once"),
        (changed(image_ids=[1, 1, 2]), {}, "do not ascend"),
        (changed(is_crowd=[True]), {}, "1 is_crowd"),
        (7, {}, "ground_truth is a int"),
        ({"images": [], "categories": []}, {}, "ground truth: no key 'annotations'"),
        ("none.json", {}, "cannot be read"),
        (changed(), {"protocol": "voc"}, "protocol 'voc' is unknown"),
        (changed(), {"iou_thresholds": [0.5, 1.2]}, "from 0 to 1"),
        (changed(), {"iou_thresholds": [np.nan]}, "from 0 to 1"),
        (changed(), {"iou_thresholds": []}, "one or more"),
        (changed(), {"area_ranges": {}}, "0 area ranges"),
        (changed(), {"area_ranges": {"odd": (3, 2)}}, "lower end first"),
        (changed(), {"max_detections": ()}, "one or more"),
        (changed(), {"max_detections": (0, 1)}, "from 1 on"),
        (changed(), {"threads": 0}, "threads is 0"),
    ],
)
def test_refuses_unsound_ground_truth_and_settings(truth: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Evaluator(truth, **options)


def test_ground_truth_as_a_dict(tmp_path: Any) -> None:
    import json

    content = {
        "images": [{"id": 4}, {"id": 2}],
        "categories": [{"id": 9, "name": "a"}],
        "annotations": [{"id": 1, "image_id": 4, "category_id": 9, "bbox": [0, 0, 4, 4], "area": 16}],
    }
    path = tmp_path / "gt.json"
    path.write_text(json.dumps(content))
    for truth in (content, path, str(path)):
        evaluator = Evaluator(truth)
        evaluator.update([4], detections=[(GOOD[0], GOOD[1], np.array([0]))])
        assert evaluator.result().ap() == pytest.approx(1)


def test_merging_refuses_what_differs() -> None:
    workload = make_workload(images=5, classes=2, truth_rows=20, rows=50, seed=1)
    other = make_workload(images=5, classes=2, truth_rows=20, rows=50, seed=2)
    evaluator = fed(workload, [np.arange(3)])
    before = pickle.dumps(evaluator)
    for wrong, message in (
        (Evaluator(workload.truth, "voc-all"), "protocol"),
        (Evaluator(workload.truth, max_detections=(1, 2)), "maxima"),
        (Evaluator(workload.truth, iou_thresholds=[0.5]), "IoU thresholds"),
        (Evaluator(other.truth), "ground truth"),
        (fed(workload, [np.arange(2, 4)]), f"image id {workload.truth.image_ids[2]} was added before"),
    ):
        with pytest.raises(InputError, match=message):
            evaluator.merge(wrong)
    assert pickle.dumps(evaluator) == before


def test_raw_outputs_are_checked_before_they_are_searched() -> None:
    evaluator = Evaluator({"images": [{"id": 1}, {"id": 2}], "categories": [{"id": 1, "name": "a"}], "annotations": []})
    broken = np.full((2, 6, 10), np.nan, np.float32)  # suppression itself would name the first NaN
    with pytest.raises(InputError, match="have 2 classes, the ground truth 1"):
        evaluator.update([1, 2], predictions=broken)
    with pytest.raises(InputError, match=r"1 image ids and predictions \[2, 5, 10\]"):
        evaluator.update([1], predictions=broken[:, :5])
    assert evaluator.result().counts.skipped_images == 2


def test_raw_outputs_may_only_know_dlpack() -> None:
    class OnlyDlpack:
        def __init__(self, array: Any) -> None:
            self.array = array

        def __dlpack__(self, **options: Any) -> Any:
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self) -> Any:
            return self.array.__dlpack_device__()

    evaluator = Evaluator({"images": [{"id": 1}], "categories": [{"id": 1, "name": "a"}], "annotations": []})
    evaluator.update([1], predictions=OnlyDlpack(np.full((1, 5, 10), 0.5, np.float32)))
    assert evaluator.result().counts.detections == 1
