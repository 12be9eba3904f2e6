"""Images that say nothing of other images: no interval, no test and no claim anywhere, and the reason in words."""

import dataclasses
import itertools

import msgspec
import numpy as np
import pytest

from bench_freeze.conclusions import conclude, recommend
from bench_freeze.data.dataset import DetectionSet, DetectionTable, GroundTruth
from bench_freeze.evaluate import compare, evaluate
from bench_freeze.evaluate.breakdown import break_down
from bench_freeze.evaluate.match_file import MatchFile
from bench_freeze.evaluate.variation import is_kept_zero, silence, varies, varying_images
from bench_freeze.report.assemble import view_of
from bench_freeze.report.conclusions_text import conclusion_lines
from bench_freeze.report.gain_text import gain_lines
from bench_freeze.report.html.page import report_page
from bench_freeze.report.table import plain_table
from bench_freeze.results.schema import decode, encode
from tests.unit.conclusions.test_conclusions import BASE_CLASSES, TARGET_CLASSES, Problem, make_results
from tests.unit.conclusions.test_gain import PretrainingProblem, make_study

pytestmark = pytest.mark.slow


def truth_of(image, label, names, images, is_crowd=None):
    """Boxes of 40 pixels beside each other, one a row."""
    image, label = np.asarray(image, np.int32), np.asarray(label, np.int32)
    n = len(image)
    corners = np.stack([60.0 * np.arange(n), np.zeros(n)], axis=1)
    boxes = np.concatenate([corners, np.full((n, 2), 40.0)], axis=1)
    crowd = np.zeros(n, np.bool_) if is_crowd is None else np.asarray(is_crowd)
    ids = np.arange(len(names)) + 1
    return GroundTruth(
        np.arange(images) + 1, ids, names, image, label, boxes, np.full(n, 1600.0), crowd, np.arange(n) + 1
    )


def data_of(*columns):
    return DetectionSet(name="data", images=(), ground_truth=truth_of(*columns), sha256="1")


def one_image(names):
    return data_of([0] * 8, [k % len(names) for k in range(8)], names, 1)


def boxes_in_one_image(names):
    return data_of([3] * 8, [k % len(names) for k in range(8)], names, 20)


def a_class_an_image(names):
    """Four boxes of each class, all of a class in one image."""
    label = np.repeat(np.arange(len(names)), 4)
    return data_of(label, label, names, 20)


SETTINGS = {
    "protocol": "coco", "score_threshold": 0.001, "nms_iou_threshold": 0.7, "max_detections": 300, "multi_label": True,
    "matching_iou_thresholds": "0.50:0.05:0.95", "matching_max_detections": 100,
}  # fmt: skip
KINDS = [one_image, boxes_in_one_image, a_class_an_image]


class Silent(Problem):
    """A target set of one of the kinds; models differ by the boxes that they miss."""

    def __init__(self, target, base=None):
        super().__init__()
        self.target = target(TARGET_CLASSES)
        if base is not None:
            self.base = base(BASE_CLASSES)

    def accuracy(self, data, noise, seed, drop=0):
        return super().accuracy(data, noise, seed, drop if data is not self.target else seed % 3)


def structs(value, kind):
    """Every struct of a kind within a value, as plain dicts."""
    if isinstance(value, dict):
        if kind <= value.keys():
            yield value
        for inner in value.values():
            yield from structs(inner, kind)
    elif isinstance(value, list):
        for inner in value:
            yield from structs(inner, kind)


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)], ids=["one seed", "three seeds"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_study_claims_nothing_of_such_a_target_set(kind, seeds):
    problem = Silent(kind)
    results = make_results(problem, seeds=seeds, spread=0.0)
    found = conclude(results, problem.matches.evaluations())
    for arm in found.arms:
        for figure in (arm.target, arm.target_map50, arm.target_test):
            assert figure.interval is figure.images is figure.image_error is None
            assert figure.covers == "nothing"
            assert "more than one image" in figure.no_interval
        assert arm.base.interval.low < arm.base.interval.high  # the base set is as it was
    target = [c for c in found.comparisons if c.data == "target"]
    assert target
    for comparison in target:
        assert comparison.p is comparison.p_holm is comparison.p_images is comparison.detectable is None
        assert comparison.difference.no_interval
    detectable = [entry for entry in found.detectable if entry.data == "target"]
    assert [entry.number for entry in detectable] == ["map", "map50"]
    assert all(entry.between_models is None and entry.no_interval for entry in detectable)
    assert [e.between_models > 0 for e in found.detectable if e.data == "base"] == [True, True]

    results.statistics = found
    results.recommendation = pick = recommend(results)
    best = max((a for a in found.arms if -a.base_change.value <= 0.005), key=lambda a: a.target.value)
    assert next(a for a in found.arms if a.name == pick.pick).training == best.training
    assert pick.ties == []
    assert not [word for word in (" tie", "distinguished") if word in pick.reason.replace("latencies of", "")]
    assert any("values of their target mAP alone: no class has boxes" in note for note in pick.notes)
    assert all(member.tied_with_pick is None for member in pick.pareto)

    text = "\n".join(conclusion_lines(results))
    images = len(problem.target.ground_truth.image_ids)
    assert f"On the {images} target image{'' if images == 1 else 's'} nothing can be distinguished" in text
    assert "target images tell" not in text
    assert "Target mAP of exactly these models" not in text
    results.settings |= SETTINGS
    view = view_of({"study": decode(encode(results))})
    said = "No interval of target mAP50, target mAP, test mAP: no class has boxes in more than one image"
    assert said in plain_table(view)
    assert said in report_page(view, {})
    assert all(not row.value("target_map").has_interval for row in view.rows)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_nothing_is_certified_on_such_a_base_set(kind):
    problem = Silent(one_image, kind)
    results = make_results(problem, seeds=(0, 1, 2))
    found = conclude(results, problem.matches.evaluations())
    for comparison in (c for c in found.comparisons if c.data.startswith("base")):
        outcomes = {entry.outcome for entry in comparison.equivalence}
        if comparison.data == "base" and comparison.identical:
            assert outcomes == {"identical by construction"}  # which no image has to show
            continue
        assert outcomes == {"not shown"}
        assert all(e.low is e.high is e.images_needed is None for e in comparison.equivalence)
        assert comparison.p is comparison.p_images is comparison.detectable is None
    assert not [entry for entry in found.detectable if entry.between_models is not None]
    for interval in structs(msgspec.to_builtins(found.arms), {"low", "high"}):
        assert interval["low"] < interval["high"] or interval["low"] == interval["high"] == 0  # over seeds, exactly
    text = "\n".join(conclusion_lines(msgspec.structs.replace(results, statistics=found)))
    assert "Base mAP identical by construction: branched 22" in text
    assert "(no interval: no class has boxes in more than one image" in text
    assert not [word for word in ("equivalent", "different", "not shown", "could)") if word in text]
    assert not any(limit.startswith(("One seed", "3 seeds", "Without resamples")) for limit in found.limits)


def test_models_that_are_the_same_on_many_images_stay_the_same():
    """A difference of 0 on every resample is a finding where the images can vary."""
    problem = Problem()
    results = make_results(problem, seeds=(0,))
    found = conclude(results, problem.matches.evaluations())
    same = next(c for c in found.comparisons if (c.data, c.b, c.number) == ("base", "branched 10", "map"))
    assert (same.difference.interval.low, same.difference.interval.high) == (0, 0)
    assert same.difference.no_interval is None
    rows = {row.construction: row for row in results.rows if row.freeze == 22}
    assert rows["branched"].base.matches == rows["grafted"].base.matches


def test_a_model_at_zero_everywhere_is_not_shown_to_stay_there():
    """AP is 0 on every resample of 25 images: of itself, of its difference to another such model, not of a third's."""
    truth = Problem().target.ground_truth
    rng = np.random.default_rng(3)

    def elsewhere(shift):
        boxes = truth.boxes_xywh + np.array([shift, 0, 0, 0])
        return evaluate(truth, DetectionTable(truth.image_index, truth.labels, boxes, rng.random(len(truth))))

    nothing, nothing_else, something = elsewhere(1e5), elsewhere(2e5), elsewhere(3.0)
    found = compare(nothing, nothing_else, resamples=200).ap
    assert (found.value, found.low, found.high, found.is_significant) == (0, None, None, False)
    assert "same number" in found.no_interval
    same = compare(nothing, nothing, resamples=200).ap
    assert (same.low, same.high, same.no_interval) == (0, 0, None)
    better = compare(nothing, something, resamples=200).ap
    assert 0 < better.low < better.value < better.high
    assert better.is_significant


def test_a_class_in_one_image_has_no_interval_of_its_own():
    truth = truth_of([0, 1, 2, 3, 4, 5, 5], [0, 0, 0, 0, 0, 1, 1], ("wide", "narrow"), 8)
    kept = [0, 1, 3, 4, 5]

    def found(rows):
        return evaluate(
            truth,
            DetectionTable(
                truth.image_index[rows], truth.labels[rows], truth.boxes_xywh[rows], np.linspace(0.9, 0.5, len(rows))
            ),
        )

    compared = compare(found([0, 1, 2, 3, 4, 5, 6]), found(kept), resamples=300)
    wide, narrow = compared.ap_per_class["wide"], compared.ap_per_class["narrow"]
    assert wide.low < wide.value < wide.high
    assert narrow.value < 0
    assert narrow.low is narrow.high is None
    assert not narrow.is_significant
    assert compared.ap.low < compared.ap.high


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_parts_of_such_a_set_have_values_alone(kind):
    truth = kind(TARGET_CLASSES).ground_truth
    rows = np.arange(1, len(truth))
    detections = DetectionTable(
        truth.image_index[rows], truth.labels[rows], truth.boxes_xywh[rows], np.linspace(0.9, 0.5, len(rows))
    )
    parts = break_down(truth, detections, resamples=100)
    every = [*parts.by_iou.values(), *(p.ap for p in (*parts.by_area.values(), *parts.by_count.values()))]
    measured = [interval for interval in every if interval.value is not None]
    assert len(measured) > len(parts.by_iou)
    for interval in measured:
        assert 0 < interval.value < 1
        assert interval.low is interval.high is None
        assert interval.no_interval


def test_a_part_that_lies_in_one_image_of_many_has_none_either():
    truth = Problem().target.ground_truth
    area = truth.area.copy()
    image = truth.image_index[0]
    area[:] = 20.0**2
    area[truth.image_index == image] = 200.0**2
    truth = dataclasses.replace(truth, area=area)
    boxes = truth.boxes_xywh.copy()
    boxes[::3, 0] += 1e5  # every third is not found
    scores = np.random.default_rng(0).random(len(truth))
    parts = break_down(truth, DetectionTable(truth.image_index, truth.labels, boxes, scores), resamples=100)
    assert parts.by_area["large"].images == 1
    assert parts.by_area["large"].ap.low is None
    assert parts.by_area["small"].images > 1
    assert parts.by_area["small"].ap.low < parts.by_area["small"].ap.high


@pytest.mark.parametrize("seed", range(30))
def test_images_that_can_vary_are_counted(seed):
    """Against sets of images, class by class, over random ground truth."""
    rng = np.random.default_rng(seed)
    images, classes, n = int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(1, 12))
    image, label, crowd = rng.integers(0, images, n), rng.integers(0, classes, n), rng.random(n) < 0.3
    truth = truth_of(image, label, tuple("abc"[:classes]), images, crowd)
    truth = dataclasses.replace(truth, area=rng.choice([100.0, 1600.0], n))
    nothing = DetectionTable(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros((0, 4)), np.zeros(0))
    index = evaluate(truth, nothing).truth
    for labels, area in itertools.product([None, [0], list(range(classes))], [None, (0.0, 200.0)]):
        inside = ~crowd & (np.ones(n, bool) if area is None else truth.area <= area[1])
        wanted = range(classes) if labels is None else labels
        expected = max(len(set(image[inside & (label == k)].tolist())) for k in wanted)
        assert varying_images(index, labels, area) == expected


def test_the_rule_itself():
    steady, moving, undefined = np.full(9, 0.9), np.linspace(0.1, 0.9, 9), np.full(9, np.nan)
    assert silence(1, moving) is not None
    assert silence(2, moving) is None
    assert silence(50, steady) is not None
    assert silence(50, undefined) is not None
    assert silence(50, steady + 1e-16 * np.arange(9)) is not None  # rounding does not count as spread
    assert silence(50, np.zeros(9), is_kept_zero=True) is None
    assert silence(1, np.zeros(9), is_kept_zero=True) is not None
    assert varies(np.array([np.nan, 0.1, 0.2]))
    assert not varies(np.array([np.nan, 0.1]))
    assert is_kept_zero(moving - moving, False, moving, moving)
    assert is_kept_zero(np.zeros(9), True, steady, steady)
    assert not is_kept_zero(np.zeros(9), False, steady, steady)
    assert not is_kept_zero(np.full(9, 0.1), True, moving, moving)


def test_results_of_older_versions_still_read():
    problem = Problem()
    results = make_results(problem, seeds=(0,))
    results.statistics = conclude(results, problem.matches.evaluations())
    plain = msgspec.json.decode(encode(results))
    for found in structs(plain, {"no_interval"}):
        del found["no_interval"]
    assert decode(msgspec.json.encode(plain)).statistics == results.statistics


def test_match_data_keep_what_the_rule_reads():
    file = MatchFile()
    truth = one_image(TARGET_CLASSES).ground_truth
    evaluation = evaluate(truth, DetectionTable(truth.image_index, truth.labels, truth.boxes_xywh, np.ones(len(truth))))
    name = file.add(evaluation)
    assert varying_images(file.evaluations()[name].truth) == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_gain_over_scratch_on_such_a_set_is_a_value_alone(kind):
    problem = PretrainingProblem()
    problem.target = kind(TARGET_CLASSES)
    results = make_study(problem, lambda noise, seed: problem.accuracy(problem.target, noise, seed))
    found = conclude(results, problem.matches.evaluations()).gain
    for gain in found.gains:
        for figure in (gain.map, gain.map50, gain.high_less_low, *gain.by_iou.values()):
            assert figure.interval is None
            assert "more than one image" in figure.no_interval
    assert all(trend.map50.interval is None and trend.map50.no_interval for trend in found.trends)
    text = "\n".join(gain_lines(found))
    assert f"of {len(found.gains)} trainings: {len(found.gains)} without an interval" in text
    assert text.count("no interval (no class has boxes in more than one image") == len(found.trends)
    assert not [word for word in ("it shrinks", "it grows", "no change is shown", "not distinguished") if word in text]
