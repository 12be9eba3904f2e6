"""From rows and their match data to comparisons, limits, a pick and its words."""

import dataclasses

import msgspec
import numpy as np
import pytest

from bench_freeze.conclusions import conclude, recommend
from bench_freeze.conclusions.conclude import shared_classes
from bench_freeze.conclusions.figures import Sample, figure
from bench_freeze.data.classes import map_classes
from bench_freeze.data.dataset import DetectionSet
from bench_freeze.deployment.accuracy import score
from bench_freeze.deployment.pipeline import HeadDetections
from bench_freeze.evaluate.match_file import MatchFile, parse_matches
from bench_freeze.report.conclusions_text import conclusion_lines, markdown_conclusions
from bench_freeze.results import schema
from bench_freeze.results.study_statistics import Statistics
from tests import builders
from tests.workloads import make_workload

TARGET_CLASSES, BASE_CLASSES = ("red_apple", "pear"), ("Pear", "apple", "dog")


class Problem:
    """A target set and a base set, and models on them that are worse by known amounts of noise."""

    def __init__(self):
        self.matches = MatchFile()
        self.target = self._data(TARGET_CLASSES, images=25, seed=1)
        self.base = self._data(BASE_CLASSES, images=30, seed=2)

    @staticmethod
    def _data(names, images, seed):
        made = make_workload(images=images, classes=len(names), truth_rows=6 * images, rows=1, seed=seed, crowd_share=0)
        truth = dataclasses.replace(made.truth, class_names=names)
        return DetectionSet(name="data", images=(), ground_truth=truth, sha256=str(seed))

    def accuracy(self, data, noise, seed, drop=0):
        """Of detections that are ground truth, moved by `noise` of their size; `drop` of them are not found."""
        truth, random = data.ground_truth, np.random.default_rng(seed)
        kept = np.sort(random.permutation(len(truth))[drop:])
        kept = kept[np.argsort(truth.image_index[kept], kind="stable")]
        xywh = truth.boxes_xywh[kept]
        moved = xywh[:, :2] + random.normal(0, noise, (len(kept), 2)) * xywh[:, 2:]
        found = HeadDetections(
            truth.image_index[kept],
            truth.labels[kept],
            np.concatenate([moved, moved + xywh[:, 2:]], axis=1),
            random.random(len(kept)).astype(np.float32),
            0,
        )
        classes = map_classes(data.class_names, data.class_names, unmatched="error", head="", data="")
        return score(found, classes, data).kept_in(self.matches)


TARGET_NOISE = {22: 0.2, 15: 0.1, 10: 0.099}
LATENCY = {22: 0.010, 15: 0.012, 10: 0.014}


def make_results(problem, seeds=(0, 1, 2), *, latency=True, tests=True, spread=0.01, **study):
    base = problem.accuracy(problem.base, 0.1, 100)
    merged = problem.accuracy(problem.base, 0.1, 100, drop=1)
    forgotten = {(f, s): problem.accuracy(problem.base, 0.25, 200 + f + 31 * s) for f in (15, 10) for s in seeds}
    hashes = {"weights_sha256": "w", "onnx_sha256": "o", "plan_sha256": None}

    def timed(freeze):
        p50 = LATENCY.get(freeze, 0.008)
        samples = [p50 * (1 + spread * ((7 * i) % 31 - 15) / 15) for i in range(31)]
        return {"model": builders.latency(samples, p50_s=p50) if latency else None, "pipeline": None}

    rows = []
    for freeze in TARGET_NOISE:
        for seed in seeds:
            target = problem.accuracy(problem.target, TARGET_NOISE[freeze] + 0.003 * seed, 10 + seed)
            test = problem.accuracy(problem.target, TARGET_NOISE[freeze], 50 + seed) if tests else None
            for construction in ("branched", "grafted"):
                graft_at = freeze if construction == "branched" else 22
                own = base if graft_at <= freeze else forgotten[freeze, seed]
                change = own.map - base.map
                rows.append(
                    builders.row(
                        freeze=freeze, seed=seed, construction=construction, graft_at=graft_at, target=target,
                        target_merged=target, base=own, base_merged=merged if own is base else own, target_test=test,
                        base_original={"map": base.map, "map50": base.map50}, base_delta_map=change,
                        latency=timed(freeze), artifact=hashes | {"bytes": 10 ** 6 * (30 - freeze)},
                    )
                )  # fmt: skip
    original = builders.original(base=base, latency=timed(None), artifact=hashes | {"bytes": 10})
    return builders.results(
        study={"batch": 1, **study},
        weights={"classes": list(BASE_CLASSES)},
        data={"target": builders.data_facts(TARGET_CLASSES), "base": builders.data_facts(BASE_CLASSES)},
        originals=[original],
        rows=rows,
        settings={},
    )


@pytest.fixture(scope="module")
def problem():
    return Problem()


@pytest.fixture(scope="module")
def results(problem):
    return make_results(problem)


@pytest.fixture(scope="module")
def evaluations(problem, results):
    return parse_matches(problem.matches.content(), "test")


@pytest.fixture(scope="module")
def statistics(results, evaluations) -> Statistics:
    return conclude(results, evaluations)  # type: ignore[return-value]


def find(statistics, data, b, number="map", a=None):
    own = [c for c in statistics.comparisons if (c.data, c.b, c.number) == (data, b, number)]
    return next(c for c in own if a is None or c.a == a)


def test_every_comparison_is_there_once(statistics):
    target = [(c.a, c.b) for c in statistics.comparisons if c.data == "target" and c.number == "map"]
    assert target == [("freeze 22", "freeze 15"), ("freeze 22", "freeze 10"), ("freeze 15", "freeze 10")]
    for data in ("base", "base merged"):
        assert len([c for c in statistics.comparisons if c.data == data and c.number == "map50"]) == 6


def test_what_cannot_have_changed_is_called_so(statistics):
    for name in ("branched 22", "grafted 22", "branched 15", "branched 10"):
        found = find(statistics, "base", name)
        assert found.identical
        assert found.difference.value == 0
        assert {entry.outcome for entry in found.equivalence} == {"identical by construction"}
        assert found.p_holm is None  # no test, and none that the others' p values pay for
    changed = find(statistics, "base", "grafted 10")
    assert {entry.outcome for entry in changed.equivalence} == {"different"}
    small, large = sorted([changed, find(statistics, "base", "grafted 15")], key=lambda c: c.p)
    assert small.p_holm == pytest.approx(2 * small.p)
    assert large.p_holm == pytest.approx(max(2 * small.p, large.p))
    assert changed.p_images <= 0.002


def test_figures_are_those_of_the_rows(results, statistics):
    rows = [row for row in results.rows if row.freeze == 15 and row.construction == "branched"]
    values = [row.target.map for row in rows]
    arm = next(arm for arm in statistics.arms if arm.name == "branched 15")
    assert arm.target.per_seed == values
    assert arm.target.value == pytest.approx(np.mean(values))
    half = 4.302653 * np.std(values, ddof=1) / 3**0.5
    assert arm.target.seeds.high - arm.target.value == pytest.approx(half, rel=1e-6)
    assert arm.target.interval.low <= min(arm.target.seeds.low, arm.target.images.low)
    assert arm.target.covers == "images and trainings"
    assert arm.joint_limit.value == pytest.approx(rows[0].base_merged.map - rows[0].base.map)
    assert arm.joint_limit.images.low < arm.joint_limit.images.high
    paired = find(statistics, "target", "freeze 15", a="freeze 22")
    assert paired.difference.per_seed == [
        b.target.map - a.target.map for a, b in zip(results.rows[:6:2], results.rows[6:12:2], strict=True)
    ]


def test_classes_that_both_heads_know_stand_apart(results, evaluations, statistics):
    groups = next(arm for arm in statistics.arms if arm.name == "grafted 10").class_groups
    assert groups["shared"].classes == ["Pear"]
    assert groups["rest"].classes == ["apple", "dog"]
    row = next(row for row in results.rows if (row.freeze, row.construction) == (10, "grafted"))
    assert groups["shared"].base.per_seed[0] == pytest.approx(row.base.per_class["Pear"].ap)
    drop = row.base.per_class["Pear"].ap - results.originals[0].base.per_class["Pear"].ap
    assert groups["shared"].change.per_seed[0] == pytest.approx(drop)
    assert shared_classes(BASE_CLASSES, TARGET_CLASSES, ("red_apple=apple",), BASE_CLASSES) == ["Pear", "apple"]
    assert shared_classes(BASE_CLASSES, ("cat",), (), BASE_CLASSES) == []


def test_every_report_says_what_the_data_can_tell_apart(problem, statistics):
    base = next(d for d in statistics.detectable if (d.data, d.number) == ("base", "map"))
    assert base.images == 30
    assert base.between_models > 0.01
    assert base.images_needed["0.001"] > 100 * base.images
    assert any("30 base images can distinguish two models" in limit for limit in statistics.limits)
    assert any("p = 0.25" in limit for limit in statistics.limits)
    alone = make_results(problem, seeds=(0,))
    alone.rows = [row for row in alone.rows if row.freeze == 22]  # nothing to compare with, and yet a limit
    found = conclude(alone, parse_matches(problem.matches.content(), "test"))
    assert [(d.data, d.basis[-11:]) for d in found.detectable if d.number == "map"] == [
        ("target", "upper bound"), ("base", "upper bound"),
    ]  # fmt: skip


def test_one_seed_covers_images_only_and_says_so(problem):
    found = conclude(make_results(problem, seeds=(1,)), parse_matches(problem.matches.content(), "test"))
    comparison = find(found, "target", "freeze 10", a="freeze 22")
    assert comparison.difference.covers == "images"
    assert comparison.difference.seeds is None
    assert comparison.p_images_holm is not None
    assert "but not the variation between trainings" in found.limits[0]


def test_without_match_data_the_seeds_speak(results):
    found = conclude(results, {})
    comparison = find(found, "target", "freeze 10", a="freeze 22")
    assert comparison.difference.covers == "trainings"
    assert comparison.p_images is None
    assert found.detectable == []
    assert "the 3 trainings of each arm, not the choice of images" in found.limits[0]
    assert recommend(msgspec.structs.replace(results, statistics=found)).pick is not None
    nothing = msgspec.structs.replace(results, rows=[row for row in results.rows if row.seed == 0])
    assert find(conclude(nothing, {}), "base", "grafted 10").equivalence[0].outcome == "not shown"


def test_the_words_are_in_every_form_and_survive_the_disk(results, statistics):
    told = msgspec.structs.replace(results, statistics=statistics)
    told.recommendation = recommend(told)
    assert schema.decode(schema.encode(told)) == told
    lines = conclusion_lines(told)
    assert lines[0].startswith("Pick: branched 15.")
    text = " ".join(lines)
    for words in ("Tied with the pick", "final target mAP on test", "identical by construction: branched 22",
                  "not within 0.001 or 0.005", "freeze 15 over freeze 22", "one detection limit"):  # fmt: skip
        assert words in text
    assert markdown_conclusions(told).count("\n- ") == len(lines) - 1
    assert conclusion_lines(results) == []


def test_threads_change_nothing(problem):
    results = make_results(problem, seeds=(0, 1), resamples=200)
    evaluations = parse_matches(problem.matches.content(), "test")
    found = conclude(results, evaluations, threads=1)
    assert found == conclude(results, evaluations, threads=3)
    assert (found.resamples, found.permutations) == (200, 100)
    results.study["resamples"] = 0
    assert conclude(results, evaluations) == conclude(results, {})


def test_what_images_add_to_all_trainings_is_told_from_each_ones_own_luck():
    """Of numbers made of a common part and one of each training, whose variances are known."""
    random = np.random.default_rng(0)
    common, own = 0.03 * random.standard_normal(20_000), 0.02 * random.standard_normal((3, 20_000))
    found = figure([Sample(0.5 + 0.01 * k, 0.5 + common + own[k], 55, 55) for k in range(3)])
    assert found.image_error == pytest.approx(np.hypot(0.03, 0.02 / 3**0.5), rel=0.02)
    assert found.common_image_error == pytest.approx(0.03, rel=0.02)
    luck = figure([Sample(0.5 + 0.01 * k, 0.5 + own[k], 55, 55) for k in range(3)])
    assert luck.common_image_error < 0.003
    assert figure([Sample(0.5, 0.5 + common, 55, 55)]).common_image_error is None
    assert figure([Sample(0.5, None, 0, 0), Sample(0.6, None, 0, 0)]).common_image_error is None
