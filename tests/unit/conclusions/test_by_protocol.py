"""Target AP by protocol, IoU and size: from real small evaluations to numbers, differences, words and plots."""

import msgspec
import numpy as np
import pytest

from bench_freeze.conclusions import conclude
from bench_freeze.data.classes import map_classes
from bench_freeze.deployment.accuracy import score
from bench_freeze.deployment.pipeline import HeadDetections
from bench_freeze.evaluate.match_file import parse_matches
from bench_freeze.report.assemble import view_of
from bench_freeze.report.conclusions_text import conclusion_lines
from bench_freeze.report.figures.all import figures_of
from bench_freeze.report.protocol_text import plain_protocols
from bench_freeze.report.table import markdown
from bench_freeze.results.schema import decode, encode
from tests.unit.conclusions.test_conclusions import Problem
from tests.unit.conclusions.test_gain import SEEDS, make_study

PROTOCOLS = ("coco", "voc-all", "voc-11")
SIZES = {"all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}
IOUS = [f"{iou:.2f}" for iou in np.arange(10, 100, 5) / 100]


def accuracy(problem, noise, seed, protocols=PROTOCOLS):
    """Of every object, moved by `noise` of its size, with some false ones beside."""
    data, random = problem.target, np.random.default_rng(seed)
    truth = data.ground_truth
    order = np.sort(np.concatenate([np.arange(len(truth)), np.arange(0, len(truth), 3)]))
    order = order[np.argsort(truth.image_index[order], kind="stable")]
    xywh = truth.boxes_xywh[order]
    corner = xywh[:, :2] + random.normal(0, noise, (len(order), 2)) * xywh[:, 2:]
    found = HeadDetections(
        truth.image_index[order],
        truth.labels[order],
        np.concatenate([corner, corner + xywh[:, 2:]], axis=1),
        random.random(len(order)).astype(np.float32),
        0,
    )
    own = map_classes(data.class_names, data.class_names, unmatched="error", head="", data="")
    return score(found, own, data).by_protocols(protocols).kept_in(problem.matches)


@pytest.fixture(scope="module")
def made():
    """The results with their statistics, and what they were made of."""
    problem = Problem()
    results = make_study(problem, lambda noise, seed: accuracy(problem, noise, seed))
    evaluations = parse_matches(problem.matches.content(), "test")
    return msgspec.structs.replace(results, statistics=conclude(results, evaluations)), evaluations


def targets(results):
    return {(r.weights, r.recipe, r.data_fraction, r.seed): r.target for r in results.rows}


def test_a_row_has_ap_of_every_protocol_size_and_iou_and_coco_s_own_among_them(made):
    results, evaluations = made
    target = results.rows[0].target
    assert list(target.by_protocol) == list(PROTOCOLS)
    for own in target.by_protocol.values():
        assert {size: list(ap) for size, ap in own.ap.items()} == dict.fromkeys(SIZES, IOUS)
        assert own.matches in evaluations
    coco = target.by_protocol["coco"]
    assert {iou: coco.ap["all"][iou] for iou in target.ap_by_iou} == target.ap_by_iou
    for size in ("small", "medium", "large"):
        ten = [coco.ap[size][iou] for iou in target.ap_by_iou]
        assert np.mean(ten) == pytest.approx(getattr(target, f"map_{size}"))
    assert target.by_protocol["voc-all"].matches == target.by_protocol["voc-11"].matches != coco.matches
    area = Problem().target.ground_truth.area
    assert coco.objects == {size: int(((area >= low) & (area <= high)).sum()) for size, (low, high) in SIZES.items()}


def test_a_training_s_ap_is_the_mean_over_its_seeds(made):
    results, _ = made
    rows = targets(results)
    found = results.statistics.protocols
    assert len(found.trainings) == 7
    for training in found.trainings:
        weights, recipe = ("coco", "scratch") if training.source == "scratch" else (training.source, "static")
        own = [rows[weights, recipe, training.data_fraction, seed].by_protocol for seed in SEEDS]
        for protocol in PROTOCOLS:
            for size in SIZES:
                for iou in IOUS:
                    expected = np.mean([each[protocol].ap[size][iou] for each in own])
                    at = training.ap[protocol][size][iou]
                    assert at.value == pytest.approx(expected)
                    assert at.interval is None or 0 <= at.interval.low <= at.value <= at.interval.high <= 1


def test_sources_of_one_architecture_are_compared_where_they_were_trained_alike(made):
    results, _ = made
    pairs = results.statistics.protocols.differences
    assert {(p.source, p.over_source, p.data_fraction) for p in pairs} == {
        (source, over, share)
        for source, over in (("coco", "far"), ("coco", "scratch"), ("far", "scratch"))
        for share in (0.5, 1.0)
    }
    rows = targets(results)
    for pair in pairs:
        over = ("coco", "scratch") if pair.over_source == "scratch" else (pair.over_source, "static")
        for protocol, by_size in pair.difference.items():
            for size, by_iou in by_size.items():
                assert list(by_iou) == ["0.50", "0.70", "0.90"]
                for iou, at in by_iou.items():
                    both = [
                        [rows[(*key, pair.data_fraction, seed)].by_protocol[protocol].ap[size][iou] for seed in SEEDS]
                        for key in ((pair.source, "static"), over)
                    ]
                    assert at.value == pytest.approx(np.mean(both[0]) - np.mean(both[1]))


def test_its_intervals_are_those_of_the_gain_over_scratch(made):
    """The gain at IoU 0.50 is the same difference, drawn from the rows' own match data."""
    results, _ = made
    gains = {(g.weights, g.data_fraction): g.by_iou["0.50"] for g in results.statistics.gain.gains}
    pairs = [p for p in results.statistics.protocols.differences if p.over_source == "scratch"]
    assert len(pairs) == len(gains) == 4
    for pair in pairs:
        gain, at = gains[pair.source, pair.data_fraction], pair.difference["coco"]["all"]["0.50"]
        assert at.value == pytest.approx(gain.value)
        assert at.covers == gain.covers == "images and trainings"
        assert (at.interval.low, at.interval.high) == pytest.approx((gain.interval.low, gain.interval.high))
    same = next(p for p in pairs if (p.source, p.data_fraction) == ("far", 0.5))  # the boxes of scratch
    assert all(
        (at.value, at.interval.low, at.interval.high) == (0, 0, 0)
        for by_size in same.difference.values()
        for by_iou in by_size.values()
        for at in by_iou.values()
        if at.interval is not None
    )


def test_without_match_data_intervals_cover_the_trainings_alone(made):
    results, _ = made
    found = conclude(results, {}).protocols
    at = found.trainings[0].ap["voc-all"]["all"]["0.70"]
    whole = results.statistics.protocols.trainings[0].ap["voc-all"]["all"]["0.70"]
    assert (at.value, at.covers, whole.covers) == (whole.value, "trainings", "images and trainings")


def test_it_is_in_results_markdown_and_plots(made):
    results, _ = made
    assert decode(encode(results)).statistics == results.statistics
    view = view_of({"study": results})
    keys = [figure.key for figure in figures_of(view)]
    assert [key for key in keys if key.startswith("protocol-")] == [
        "protocol-coco", "protocol-voc-all", "protocol-voc-11", "protocol-sources",
    ]  # fmt: skip
    curves = next(figure for figure in figures_of(view) if figure.key == "protocol-voc-11")
    assert len(curves.series) == 7 * len(SIZES)
    assert sum(series.first for series in curves.series) == 4
    text = markdown(view)
    assert "### Target AP by protocol, IoU and object size" in text
    pairs = results.statistics.protocols.differences
    first = pairs[0]
    assert f"| {first.training} over {first.over} | voc-all | small | " in text
    lines = [line for line in conclusion_lines(results) if line.startswith("Pre-trainings that differ")]
    assert len(lines) == len(PROTOCOLS)
    shown = sum(
        (at := pair.difference["coco"]["all"]["0.70"]).interval is not None
        and not at.interval.low <= 0 <= at.interval.high
        for pair in pairs
    )
    assert f"at IoU 0.70 {shown} of {len(pairs)}" in lines[0]
    assert 0 < shown < len(pairs)
    assert len(plain_protocols(results.statistics.protocols)) == 2 * 2 + (7 + len(pairs)) * len(PROTOCOLS) * len(SIZES)


def test_a_study_that_did_not_ask_has_nothing_of_it():
    problem = Problem()
    results = make_study(problem, lambda noise, seed: accuracy(problem, noise, seed, ()))
    assert all(row.target.by_protocol is None for row in results.rows)
    assert b"by_protocol" not in encode(results)
    concluded = conclude(results, {})
    assert concluded.protocols is None
    view = view_of({"study": msgspec.structs.replace(results, statistics=concluded)})
    assert not [figure.key for figure in figures_of(view) if figure.key.startswith("protocol-")]
    assert "by protocol" not in markdown(view)
