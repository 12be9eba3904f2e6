"""The accuracy half of bench/check_simulation.py: per-image match data of a real run, swapped and drawn image by image.

Nothing changed: for every image, a fair coin decides which run gets the result of the first model and which that of the
second. So the two runs differ as two real models do, and neither is better. A regression: the second run equals the
first except for some images, which have the result of a worse model; their number makes mAP fall by twice the limit.
Every simulated check draws its images again, with replacement, from those of the run.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench_freeze.check.accuracy_change import HeadNumbers, fall, images_of, rise
from bench_freeze.check.change import Change
from bench_freeze.check.finding import Finding, outcome_of
from bench_freeze.check.judge import Test, decide
from bench_freeze.check.limit import parse_limit
from bench_freeze.check.read import read_side
from bench_freeze.check.snapshot import RowSnapshot
from bench_freeze.evaluate.evaluation import Evaluation
from bench_freeze.evaluate.join import Found
from bench_freeze.kernels.matching import Masks, Matches, TruthIndex
from bench_freeze.results.identity import RowKey

RESAMPLES = 200  # fewer than a check takes, for speed
LEAST_SCORE = 0.01  # five of six detections are below it and add almost nothing to mAP: only for speed
OTHER_TESTS = 70  # tests of a study with ten rows
LIMITS = {"map": "0.005", "f1": "0.02", "calibration": "0.02"}
NO_ROW = RowKey(None, None, None, None, None, "ort", "fp32", "branched", 640, 1, "cpu")  # a made-up row for findings
BLANK = Finding("base_map", "row", NO_ROW, "mAP", "AP", "PASS", "")


def simulate_accuracy(results: Path, checks: int, jobs: int) -> dict[str, Any]:
    """False alarms on pairs of real models, and how often a fall of mAP is proven, by its size and number of images."""
    entries = _entries(results)
    images = len(entries["fp32"].truth.begin) - 1
    gap = entries["fp32"].ap() - entries["worse"].ap()
    alarms, power = {}, {}
    with ProcessPoolExecutor(jobs) as pool:
        for name, second in (("fp32 and int8 of one model", "int8"), (f"two models, mAP {gap:.2f} apart", "worse")):
            ends = pool.map(_quiet_check, [results] * checks, [second] * checks, range(checks))
            alarms[name] = _shares(list(ends))
        for times in (1, 4):
            for fallen in (0.01, 0.02):
                some = checks // 5
                columns = ([results] * some, [images * times] * some, [fallen / gap] * some, range(some))
                power[f"{fallen:g} of {images * times}"] = _shares(list(pool.map(_worse_check, *columns)))
    lines = ["| images | what | exit 1 | exit 3 |", "|---:|---|---:|---:|"]
    for name, found in alarms.items():
        cells = f"{found['exit 1']:.1%} | {found['exit 3']:.1%}"
        lines.append(f"| {images} | nothing changed: {name}, {checks} checks | {cells} |")
    for name, found in power.items():
        fallen_text, _, n = name.partition(" of ")
        cells = f"{found['exit 1']:.1%} | {found['exit 3']:.1%}"
        lines.append(f"| {n} | mAP falls by {fallen_text}, {checks // 5} checks | {cells} |")
    return {"images": images, "gap": gap, "false_alarms": alarms, "power": power, "table": lines}


@cache
def _entries(results: Path) -> dict[str, Evaluation]:
    side = read_side(results)
    wanted = {"fp32": ("original", "fp32"), "int8": ("original", "int8"), "worse": ("grafted", "fp32")}
    return {name: _entry(side, *which) for name, which in wanted.items()}


def _quiet_check(results: Path, second: str, number: int) -> int:
    """Exit status of a check in which nothing changed."""
    entries = _entries(results)
    images = len(entries["fp32"].truth.begin) - 1
    generator = np.random.default_rng([3, number])
    drawn, coin = generator.integers(0, images, images), generator.random(images) < 0.5
    a, b = (_mixed(entries["fp32"], entries[second], drawn, coin ^ swap) for swap in (False, True))
    return _exit_code(a, b)


def _worse_check(results: Path, images: int, share: float, number: int) -> int:
    """Exit status of a check whose second run has the worse model's results on a share of the images."""
    good, worse = _entries(results)["fp32"], _entries(results)["worse"]
    generator = np.random.default_rng([4, number])
    drawn, hit = generator.integers(0, len(good.truth.begin) - 1, images), generator.random(images) < share
    a, b = _mixed(good, worse, drawn, np.zeros(images, np.bool_)), _mixed(good, worse, drawn, hit)
    return _exit_code(a, b)


def _shares(ends: list[int]) -> dict[str, float]:
    return {f"exit {code}": ends.count(code) / len(ends) for code in (0, 1, 3)}


def _exit_code(a: Evaluation, b: Evaluation) -> int:
    first, second = (HeadNumbers(evaluation, RESAMPLES) for evaluation in (a, b))
    made: list[Finding | Test] = []
    for kind, text in LIMITS.items():
        limit = parse_limit(text, "the default", f"base_{kind}")
        assert limit is not None
        number = getattr(HeadNumbers, kind)
        direction = rise if kind == "calibration" else fall
        made.append(Test(BLANK, direction(number(first), number(second), images_of(a)), limit))
    assert limit is not None
    made += [Test(BLANK, Change(1.0, 1.0, 0.0, 1.0, 1e3), limit)] * OTHER_TESTS
    return outcome_of(decide(made), (), "", "").exit_code


def _mixed(
    first: Evaluation, second: Evaluation, drawn: NDArray[np.int64], takes_second: NDArray[np.bool_]
) -> Evaluation:
    """Drawn images, each with the matches of one of two evaluations; only what a bootstrap reads is rebuilt."""
    truth, matches = first.truth, (first.matches, second.matches)
    rows, begin = _rows(truth.begin, drawn)
    columns = {name: getattr(truth, name)[rows] for name in ("label", "boxes_xywh", "area", "is_crowd", "is_void")}
    size = [len(m.label) for m in matches]
    both = np.concatenate([matches[0].begin[:-1], matches[1].begin[:-1] + size[0]])
    ends = np.concatenate([matches[0].begin[1:], matches[1].begin[1:] + size[0]])
    picked = drawn + takes_second * (len(truth.begin) - 1)
    found, found_begin = _spans(both[picked], ends[picked])

    def joined(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(np.concatenate([a, b])[found])

    masks = tuple(
        Masks(joined(a.true_positive, b.true_positive), joined(a.ignored, b.ignored))
        for a, b in zip(matches[0].masks, matches[1].masks, strict=True)
    )
    label, scores = (joined(getattr(matches[0], name), getattr(matches[1], name)) for name in ("label", "scores"))
    return replace(
        first,
        truth=TruthIndex(truth.classes, begin, **columns),
        found=Found.whole(Matches(found_begin, label, scores, masks), first.lattice),
    )


def _rows(begin: NDArray[np.int64], drawn: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return _spans(begin[drawn], begin[drawn + 1])


def _spans(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All positions of the spans [start, end) one after the other, and where each span begins in that order."""
    counts = ends - starts
    begin = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    return np.repeat(starts - begin[:-1], counts) + np.arange(begin[-1]), begin


def _entry(side: Any, construction: str, precision: str) -> Evaluation:
    def fits(row: RowSnapshot) -> bool:
        return row.construction == construction and row.precision == precision

    # Of several depths, the smallest --freeze changed the base head most.
    row = min((row for row in side.snapshot.rows if fits(row)), key=lambda row: row.freeze or 0)
    return _without_lowest(side.evaluations[row.accuracy["base"].matches])


def _without_lowest(whole: Evaluation) -> Evaluation:
    kept = whole.matches.scores >= LEAST_SCORE
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    masks = tuple(Masks(pair.true_positive[kept], pair.ignored[kept]) for pair in whole.matches.masks)
    matches = Matches(before[whole.matches.begin], whole.matches.label[kept], whole.matches.scores[kept], masks)
    return replace(whole, found=Found.whole(matches, whole.lattice))
