"""The gain of pre-trainings over scratch: from real small evaluations to numbers, words and plots."""

import msgspec
import numpy as np
import pytest

from bench_freeze.conclusions import conclude
from bench_freeze.deployment.accuracy import Scored
from bench_freeze.evaluate import evaluate
from bench_freeze.evaluate.breakdown import LOW_IOU_THRESHOLDS, break_down
from bench_freeze.evaluate.match_file import parse_matches
from bench_freeze.report.assemble import view_of
from bench_freeze.report.conclusions_text import conclusion_lines
from bench_freeze.report.figures.all import figures_of
from bench_freeze.report.gain_text import highest, markdown_gain, plain_gain
from bench_freeze.report.table import markdown
from bench_freeze.results import schema
from tests import builders
from tests.unit.conclusions.test_conclusions import Problem, make_results

SEEDS = (0, 1, 2)
# How far boxes are off, in their own size: (checkpoint, recipe, share). Random weights find the objects and place the
# boxes badly, more so on few images; `coco` places them well on either share, `far` on the whole set only.
NOISE = {
    ("coco", "scratch", 0.5): 0.25, ("coco", "scratch", 1.0): 0.12,
    ("coco", "static", 0.5): 0.06, ("coco", "static", 1.0): 0.05,
    ("far", "static", 0.5): 0.25, ("far", "static", 1.0): 0.08,
    ("other", "static", 1.0): 0.05,
}  # fmt: skip
ARCHITECTURES = {"coco": "n", "far": "n", "other": "s"}


def in_parts(problem, noise, seed):
    """An accuracy with a breakdown and its match data at low IoU, as a study with --breakdown --scratch keeps it."""
    found = problem.detections(problem.target, noise, seed)
    truth = problem.target.ground_truth
    parts = msgspec.structs.replace(break_down(truth, found, resamples=2), by_area={}, by_count={})
    accuracy = msgspec.structs.replace(problem.accuracy(problem.target, noise, seed), breakdown=parts)
    low = evaluate(truth, found, iou_thresholds=LOW_IOU_THRESHOLDS, area_ranges={"all": (0.0, 1e10)})
    return Scored(accuracy, evaluate(truth, found), low).kept_in(problem.matches)


class PretrainingProblem(Problem):
    """The problem of the conclusions, with detections that a breakdown can be made of."""

    def detections(self, data, noise, seed):
        from bench_freeze.data.classes import map_classes
        from bench_freeze.deployment.accuracy import as_table
        from bench_freeze.deployment.pipeline import HeadDetections

        truth, random = data.ground_truth, np.random.default_rng(seed)
        order = np.argsort(truth.image_index, kind="stable")
        xywh = truth.boxes_xywh[order]
        moved = xywh[:, :2] + random.normal(0, noise, (len(order), 2)) * xywh[:, 2:]
        corners = np.concatenate([moved, moved + xywh[:, 2:]], axis=1)
        scores = random.random(len(order)).astype(np.float32)
        found = HeadDetections(truth.image_index[order], truth.labels[order], corners, scores, 0)
        own = map_classes(data.class_names, data.class_names, unmatched="error", head="", data="")
        return as_table(found, own)


def make_study(problem, accuracy, architectures=ARCHITECTURES):
    """Results of three checkpoints: rows are those of the conclusions' test with other target heads."""
    plain = make_results(problem, tests=False, latency=False, resamples=200)
    template = next(row for row in plain.rows if row.construction == "branched" and row.freeze == 22)
    rows = [
        msgspec.structs.replace(
            template, seed=seed, weights=weights, recipe=recipe, data_fraction=share,
            freeze=0 if recipe == "scratch" else 22, target=accuracy(noise, 40 + seed), target_merged=None,
        )
        for (weights, recipe, share), noise in NOISE.items()
        for seed in SEEDS
    ]  # fmt: skip
    base = plain.data["base"]
    made = [builders.pretraining(name, base, architecture=own) for name, own in architectures.items()]
    originals = [msgspec.structs.replace(plain.originals[0], weights=name) for name in architectures]
    return msgspec.structs.replace(
        plain, rows=rows, originals=originals, pretrainings=made,
        data=plain.data | {"training": msgspec.structs.replace(base, images=40)},
        settings={"protocol": "coco", "score_threshold": 0.001, "nms_iou_threshold": 0.7, "max_detections": 300},
    )  # fmt: skip


@pytest.fixture(scope="module")
def study():
    """The results with their statistics."""
    problem = PretrainingProblem()
    results = make_study(problem, lambda noise, seed: problem.accuracy(problem.target, noise, seed))
    found = conclude(results, parse_matches(problem.matches.content(), "test"))
    return msgspec.structs.replace(results, statistics=found)


def gain_of(study, name, share):
    return next(g for g in study.statistics.gain.gains if (g.name, g.data_fraction) == (name, share))


def test_a_gain_is_over_the_scratch_arm_of_the_same_share_and_architecture(study):
    gains = study.statistics.gain.gains
    assert [(g.name, g.data_fraction) for g in gains] == [
        ("coco freeze 22", 0.5), ("coco freeze 22", 1.0), ("far freeze 22", 0.5), ("far freeze 22", 1.0),
    ]  # fmt: skip
    rows = {(r.weights, r.recipe, r.data_fraction, r.seed): r.target for r in study.rows}
    for gain in gains:
        for position, seed in enumerate(SEEDS):
            own = rows[gain.weights, "static", gain.data_fraction, seed]
            scratch = rows["coco", "scratch", gain.data_fraction, seed]  # of the one checkpoint that has it
            assert gain.map.per_seed[position] == own.map - scratch.map
            assert gain.map50.per_seed[position] == own.map50 - scratch.map50
        expected = np.mean([rows[gain.weights, "static", gain.data_fraction, s].ap_by_iou["0.75"] for s in SEEDS])
        expected -= np.mean([rows["coco", "scratch", gain.data_fraction, s].ap_by_iou["0.75"] for s in SEEDS])
        assert gain.by_iou["0.75"].value == pytest.approx(expected)
        assert list(gain.by_iou) == [f"{iou:.2f}" for iou in np.arange(50, 100, 5) / 100]
        assert gain.by_iou["0.75"].covers == gain.map.covers == "images and trainings"
        at_75 = gain.by_iou["0.75"]
        assert at_75.interval.low <= at_75.value <= at_75.interval.high
        assert (at_75.interval.low < at_75.value) == (gain.name == "coco freeze 22" or gain.data_fraction == 1)
        assert gain.training_images == 40 * gain.data_fraction


def test_better_boxes_pay_at_high_iou_and_the_gain_shrinks_with_data(study):
    few, all_of_them = (gain_of(study, "coco freeze 22", share) for share in (0.5, 1.0))
    assert few.high_less_low.value == pytest.approx(few.by_iou["0.75"].value - few.by_iou["0.50"].value)
    assert all_of_them.high_less_low.interval.low > 0
    assert 0.6 <= float(highest(all_of_them)) <= 0.9
    trend = study.statistics.gain.trends[0]
    assert (trend.name, trend.least, trend.most) == ("coco freeze 22", 0.5, 1.0)
    assert trend.map50.value == pytest.approx(few.map50.value - all_of_them.map50.value)
    assert trend.map50.interval.low > 0
    same = gain_of(study, "far freeze 22", 0.5)  # the boxes of scratch, to the last bit
    assert (same.map.value, same.high_less_low.value, highest(same)) == (0, 0, None)
    assert study.statistics.gain.trends[1].map.value < 0


@pytest.mark.slow
def test_low_iou_comes_with_a_breakdown_and_its_match_data():
    problem = PretrainingProblem()
    results = make_study(problem, lambda noise, seed: in_parts(problem, noise, seed))
    evaluations = parse_matches(problem.matches.content(), "test")
    gain = conclude(results, evaluations).gain.gains[0]
    assert list(gain.by_iou) == [f"{iou:.2f}" for iou in np.arange(10, 100, 5) / 100]
    assert all(at.covers == "images and trainings" for at in gain.by_iou.values())
    rows = {(r.weights, r.recipe, r.data_fraction): r.target for r in results.rows if r.seed == 0}
    both = [rows["coco", recipe, 0.5].breakdown for recipe in ("static", "scratch")]
    assert all(parts.low_matches in evaluations for parts in both)
    own, scratch = (parts.by_iou["0.30"].value for parts in both)
    seeds = [r.target.breakdown.by_iou["0.30"].value for r in results.rows if r.recipe == "scratch"]
    assert own - scratch != 0
    assert gain.by_iou["0.30"].value != np.mean(seeds)
    assert gain.by_iou["0.50"].value == pytest.approx(gain.map50.value)
    # Results of a version that kept no such match data have the values; what they cover is other trainings alone.
    for name in {parts.low_matches for row in results.rows if (parts := row.target.breakdown)}:
        evaluations.pop(name)
    older = conclude(results, evaluations).gain.gains[0]
    assert older.by_iou["0.30"].value == gain.by_iou["0.30"].value
    assert older.by_iou["0.30"].covers == "trainings"


def test_without_scratch_there_is_no_gain_and_nothing_of_it_is_shown(study):
    rows = [row for row in study.rows if row.recipe != "scratch"]
    problem_free = msgspec.structs.replace(study, rows=rows, statistics=None)
    found = conclude(problem_free, {})
    assert found.gain is None
    told = msgspec.structs.replace(problem_free, statistics=found)
    view = view_of({"study": told})
    assert not any("gain" in figure.key for figure in figures_of(view))
    assert "scratch" not in " ".join(conclusion_lines(told)) + markdown(view)


def test_without_match_data_intervals_cover_trainings_alone(study):
    gain = conclude(msgspec.structs.replace(study, statistics=None), {}).gain.gains[0]
    assert gain.map50.covers == gain.by_iou["0.75"].covers == "trainings"


def test_the_words_answer_the_two_questions(study):
    lines = conclusion_lines(study)
    (by_iou,) = [line for line in lines if line.startswith("Does pre-training pay most at high IoU?")]
    assert "of 4 trainings: " in by_iou
    told = sum(g.high_less_low.interval.low > 0 for g in study.statistics.gain.gains)
    assert 0 < told < 4
    assert f"{told} higher, {4 - told} not distinguished; the gain is largest at IoU 0." in by_iou
    (shrinking,) = [line for line in lines if line.startswith("How does the gain shrink with data?")]
    assert "Its mAP50 on 50 % of the images minus that on 100 %: coco freeze 22 +0." in shrinking
    assert "], it shrinks; far freeze 22 -0." in shrinking
    assert any(line.startswith("Limit: Scratch arms trained for as many epochs") for line in lines)


def test_the_table_is_in_every_form(study):
    gain = study.statistics.gain
    title, heading, *rows = plain_gain(gain)
    assert "same images" in title
    assert heading.split("  ")[0] == "data"
    assert rows[0].startswith("50 % (20 images)   coco freeze 22")
    assert rows[2].endswith("no gain")
    number = f"{gain.gains[1].map50.value:+.4f} [{gain.gains[1].map50.interval.low:+.4f}"
    assert number in rows[1]
    assert f"| {number}" in markdown_gain(gain)
    assert markdown_gain(gain) in markdown(view_of({"study": study}))
    assert schema.decode(schema.encode(study)) == study


def test_plots_are_over_data_and_over_iou(study):
    figures = {figure.key: figure for figure in figures_of(view_of({"study": study}))}
    data, iou = figures["gain-data"], figures["gain-iou"]
    assert [series.name for series in data.series] == [
        f"{name} freeze 22, {number}" for name in ("coco", "far") for number in ("mAP50", "AP75")
    ]
    assert data.series[0].x == [50, 100]
    assert data.series[0].y == [gain_of(study, "coco freeze 22", share).map50.value for share in (0.5, 1.0)]
    assert data.series[0].low[0] < data.series[0].y[0] < data.series[0].high[0]
    assert "it shrinks; far freeze 22" in data.says
    assert len(iou.series) == 4
    assert iou.series[0].x == pytest.approx(np.arange(50, 100, 5) / 100)
    assert iou.series[0].labels.count("largest") == 1


def test_on_one_share_there_is_no_trend(study):
    rows = [row for row in study.rows if row.data_fraction == 1]
    found = conclude(msgspec.structs.replace(study, rows=rows, statistics=None), {})
    assert len(found.gain.gains) == 2
    assert found.gain.trends == []
    told = msgspec.structs.replace(study, rows=rows, statistics=found)
    assert [figure.key for figure in figures_of(view_of({"study": told})) if "gain" in figure.key] == ["gain-iou"]
