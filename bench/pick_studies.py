"""Simulated studies in the form of results.json, their costs, and the rule of the earlier version."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench_freeze.conclusions.figures import Sample, figure
from bench_freeze.results.schema import Results, decode
from bench_freeze.results.study_statistics import ArmStatistics, Claim, Comparison, Interval, Statistics

COMMITTED = Path(__file__).parent / "results" / "fruit9_depths_seeds_320.json"
RESAMPLES = 100  # fewer than a study's 2,000, for speed: standard errors are known to 7 %
WORTH = 0.01  # mAP that the full range of latencies is worth, and the indifference of the studies


def old_rule(measured: NDArray[np.float64], pairs: dict[tuple[int, int], Claim], latency: Any, size: Any) -> int:
    """The pick of the earlier version: the cheapest of the highest arm and those whose difference from it may be 0."""
    best = int(np.argmax(measured))

    def ties(arm: int) -> bool:
        ends = pairs[min(arm, best), max(arm, best)].interval
        return ends is None or ends.low <= 0 <= ends.high

    tied = [arm for arm in range(len(measured)) if arm == best or ties(arm)]
    return min(tied, key=lambda arm: (latency[arm], size[arm], -measured[arm]))


def study_of(claims: list[Claim], pairs: dict[tuple[int, int], Claim], latency: Any, size: Any) -> Results:
    """A study of branched arms with these claims, in the form of results.json; latencies have intervals 1 % wide."""
    zero = figure([Sample(0.0, None, 0, 0), Sample(0.0, None, 0, 0)])
    seeds = list(range(len(claims[0].per_seed)))
    arms = [
        ArmStatistics(
            name=f"branched {arm}", training=f"freeze {arm}", identity={"freeze": arm, "construction": "branched"},
            seeds=seeds, isolated=True, latency_p50_s=float(latency[arm]),
            latency_interval_s=Interval(low=0.995 * latency[arm], high=1.005 * latency[arm]), bytes=int(size[arm]),
            target=claim, target_map50=claim, target_test=None, base=zero, base_change=zero, base_merged=None,
            joint_limit=None, target_joint_limit=None,
        )
        for arm, claim in enumerate(claims)
    ]  # fmt: skip
    comparisons = [
        Comparison(
            data="target", between="trainings", number="map", a=f"freeze {i}", b=f"freeze {j}", seeds=seeds,
            difference=claim, identical=False, p=None, p_holm=None, p_images=None,
        )
        for (i, j), claim in pairs.items()
    ]  # fmt: skip
    statistics = Statistics(
        alpha=0.05, power=0.8, resamples=RESAMPLES, permutations=0, margins=[0.005], seeds=len(seeds), arms=arms,
        comparisons=comparisons, detectable=[], limits=[],
    )  # fmt: skip
    images = int((claims[0].image_degrees or 0) + 1)
    facts = {"name": "simulated", "sha256": "", "images": images, "boxes": 0, "crowd_boxes": 0, "classes": [],
             "counts": {}, "notes": []}  # fmt: skip
    content = {"bench_freeze": "0", "about": "simulated", "command": "", "finished": True, "settings": {},
               "study": {"indifference": WORTH}, "environment": {}, "weights": {},
               "data": {"target": facts}}  # fmt: skip
    return msgspec.structs.replace(msgspec.convert(content, Results), statistics=statistics)


@cache
def costs_of(arms: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Latencies and sizes of the committed study's branched arms, from shallow to deep, interpolated to `arms` arms."""
    statistics = decode(COMMITTED.read_bytes()).statistics
    assert statistics is not None
    own = [arm for arm in statistics.arms if arm.name.startswith("branched")]
    at, known = np.linspace(0, 1, arms), np.linspace(0, 1, len(own))
    latency = np.interp(at, known, [arm.latency_p50_s or 0.0 for arm in own])
    return latency, np.interp(at, known, [arm.bytes for arm in own]).astype(np.int64)
