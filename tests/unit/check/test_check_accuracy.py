"""Accuracy in a check: exact where nothing can differ, and what would decide a change that is open."""

import dataclasses

import numpy as np
import pytest

from bench_freeze.check import accuracy_change, measured
from bench_freeze.check.accuracy_change import AccuracyChange, HeadNumbers, fall, images_of
from bench_freeze.check.accuracy_rules import _is_same, _unchanged
from bench_freeze.check.finding import Finding
from bench_freeze.check.judge import TAIL, decide
from bench_freeze.check.limit import parse_limit
from bench_freeze.evaluate import evaluate
from bench_freeze.results.identity import RowKey
from tests.unit.check.check_files import WORKLOAD, detections

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
