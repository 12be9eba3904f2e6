"""Accuracy in a check: exact where nothing can differ, and what would decide a change that is open."""

import dataclasses
import json

import numpy as np
import pytest

from bench_freeze.check import accuracy_change, measured
from bench_freeze.check.accuracy_change import AccuracyChange, HeadNumbers, Images, fall, images_of
from bench_freeze.check.accuracy_rules import _is_same, _unchanged
from bench_freeze.check.accuracy_seeds import change_over_seeds
from bench_freeze.check.finding import Finding
from bench_freeze.check.flow import check
from bench_freeze.check.judge import TAIL, decide
from bench_freeze.check.limit import parse_limit
from bench_freeze.check.limits import make_rules
from bench_freeze.check.read import read_side
from bench_freeze.evaluate import evaluate
from bench_freeze.results.identity import RowKey
from bench_freeze.stats.estimate import Estimate, Spread, over_both, over_seeds
from tests.unit.check.check_files import WORKLOAD, detections, write_results

KEY = RowKey(None, None, None, None, None, "ort", "fp32", "branched", 640, 1, "cpu")
BLANK = Finding("base_map", "row", KEY, "mAP", "AP", "PASS", "", limit_text="0.005")
LIMIT = parse_limit("0.005", "a test", "base_map")


def numbers(**how):
    return HeadNumbers(evaluate(WORKLOAD.truth, detections(**how)), resamples=200)


@dataclasses.dataclass(frozen=True)
class Side:
    artifact_sha256: str


@dataclasses.dataclass(frozen=True)
class Pair:
    reference: Side
    current: Side


@pytest.mark.parametrize("kind", ["map", "map50", "f1", "calibration", "class"])
def test_one_file_with_the_same_matches_has_not_changed_at_all(kind):
    found = list(_unchanged("base", kind, BLANK, LIMIT, numbers()))
    assert len(found) == (len(accuracy_change.checked_classes(numbers().evaluation)) if kind == "class" else 1)
    for finding in found:
        assert (finding.status, finding.change, finding.low, finding.high) == ("PASS", 0, 0, 0)
        assert finding.p_value is None
        assert finding.reference == finding.current > 0
        assert "unchanged" in finding.sentence


def test_only_the_same_file_and_the_same_matches_are_the_same():
    same, other = Pair(Side("a"), Side("a")), Pair(Side("a"), Side("b"))
    assert _is_same(same, numbers(), numbers())
    assert not _is_same(other, numbers(), numbers())
    assert not _is_same(same, numbers(), numbers(score_factor=0.9))


def test_an_open_change_says_how_many_images_would_decide_it():
    change = fall(numbers().map(), numbers(shift=0.06).map(), images_of(numbers().evaluation))
    allowed = change.estimate - 0.3 * change.se
    (finding,) = decide([measured.Test(BLANK, change, parse_limit(f"{allowed:.6f}", "a test", "base_map"))])
    assert finding.status == "AMBIGUOUS"
    assert "images like these 60 would decide it" in finding.sentence


@pytest.mark.parametrize("share", [0.2, 0.5, 1.5])
def test_so_many_images_decide_in_four_of_five_cases(share):
    """Drawn changes with the error that so many images have: the share whose lower bound is beyond the limit."""
    rng = np.random.default_rng(3)
    change = AccuracyChange(0.5, 0.48, 0.02, 0.02 * share, 99.0, images=100)
    text = change.to_decide(0.005, TAIL)
    needed = int(text.split()[1].replace(",", ""))
    error = change.se * (100 / needed) ** 0.5
    lows = [
        AccuracyChange(0.5, 0.5, float(worse), error, needed - 1.0).bounds(TAIL)[0]
        for worse in rng.normal(0.02, error, 2000)
    ]
    proven = np.mean(np.array(lows) > 0.005)
    assert proven == pytest.approx(0.8, abs=0.04) or needed == 101
    assert change.to_decide(0.03, TAIL) == ""


def of_seed(rng, value, images_noise, seed_noise):
    """A run's number and its resamples, all seeds drawn on the same images."""
    whole = value + rng.normal(0, seed_noise)
    return whole, whole + images_noise


def test_a_change_over_seeds_is_the_studys_estimate():
    rng = np.random.default_rng(4)
    sides = [tuple(of_seed(rng, v, rng.normal(0, 0.01, 500), 0.02) for v in (0.5, 0.48)) for _ in range(4)]
    change = change_over_seeds(sides, Images(80, 80), is_rise=False)
    falls = [old[0] - new[0] for old, new in sides]
    drawn = np.mean([old[1] - new[1] for old, new in sides], axis=0)
    expected = over_both(over_seeds(falls), Estimate(np.mean(falls), (Spread(drawn.std() * (80 / 79) ** 0.5, 79.0),)))
    assert change.bounds(0.05) == pytest.approx(expected.interval(0.9))
    assert change.p_value() == pytest.approx(expected.p_value() / 2 if change.worse > 0 else 1 - expected.p_value() / 2)
    assert change.worse == pytest.approx(np.mean(falls))
    rise = change_over_seeds(sides, Images(80, 80), is_rise=True)
    assert rise.worse == pytest.approx(-change.worse)
    assert (rise.reference, rise.current) == pytest.approx((change.reference, change.current))


def test_trainings_done_anew_are_rarely_called_worse():
    """Both runs train anew with the same seeds: what a single row's test calls a fall is the other training."""
    rng = np.random.default_rng(5)
    proven = {"seeds": 0, "rows": 0}
    for _ in range(300):
        sides = [tuple(of_seed(rng, 0.5, rng.normal(0, 0.002, 200), 0.01) for _ in range(2)) for _ in range(3)]
        over = Images(200, 200)
        proven["seeds"] += change_over_seeds(sides, over, is_rise=False).bounds(TAIL)[0] > 0
        proven["rows"] += fall(sides[0][0], sides[0][1], over).bounds(TAIL)[0] > 0
    assert proven["seeds"] <= 0.07 * 300
    assert proven["rows"] > 0.3 * 300


def test_a_check_tests_several_seeds_at_once(tmp_path):
    def with_seeds(path):
        content = json.loads(path.read_text())
        content["rows"] = [{**row, "seed": seed} for seed in (0, 1, 2) for row in content["rows"]]
        path.write_text(json.dumps(content))
        return path

    old = with_seeds(write_results(tmp_path / "old"))
    new = with_seeds(write_results(tmp_path / "new", moved=(15, "target", {"shift": 0.25})))
    assert all(row.artifact_sha256 for row in read_side(new).snapshot.rows)
    rules = make_rules({"max_map_drop": "0.005", "max_latency_increase": "off", "max_size_increase": "off"}, None)
    findings = check(new, old, rules).findings
    moved = [f for f in findings if f.rule == "target_map" and "mean of 3 seeds" in f.row]
    (finding,) = moved
    assert finding.row.startswith("freeze 15")
    others = [f for f in findings if f.rule == "target_map" and f is not finding]
    assert {f.change for f in others} == {0.0}
    assert all("freeze 15" not in f.row for f in others)
