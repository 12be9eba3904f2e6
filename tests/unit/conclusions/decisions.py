"""Studies for tests of the decision: statistics made of plain numbers, as `conclude` would make them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from bench_freeze.results.schema import Results
from bench_freeze.results.study_statistics import ArmStatistics, Claim, Comparison, Interval, Statistics
from bench_freeze.stats.estimate import Estimate, Spread, over_seeds

CORRELATION = 0.8  # of two arms' target mAP over images


@dataclass
class Arm:
    """One arm; target mAP of each of its seeds."""

    freeze: int
    target: tuple[float, ...]
    construction: str = "branched"
    change: float | None = 0.0
    change_error: float = 0.0
    latency_ms: float | None = 10.0
    latency_half: float | None = 0.01  # of it
    megabytes: float = 10.0
    seeds: tuple[int, ...] | None = None
    test: tuple[float, ...] | None = None
    error: float | None = 0.02  # over images
    silence: str | None = None

    @property
    def by_seed(self) -> dict[int, float]:
        return dict(zip(self.seeds or range(len(self.target)), self.target, strict=True))

    @property
    def name(self) -> str:
        return f"{self.construction} {self.freeze}"


def claim_of(values, error=None, silence=None, images=55) -> Claim:
    """Of one value per seed, with this standard error over images."""
    values = [float(value) for value in values]
    seeds = over_seeds(values) if len(values) > 1 else None
    spreads = (Spread(error, images - 1),) if error is not None and silence is None else ()
    both = Estimate(float(np.mean(values)), spreads + (seeds.spreads if seeds else ()))
    ends = None
    if both.spreads and silence is None:
        low, high = both.interval()
        ends = Interval(low=low, high=high)
    names = [*(["images"] if spreads else []), *(["trainings"] if seeds else [])]
    return Claim(
        value=both.value, per_seed=values, sd=float(np.std(values, ddof=1)) if seeds else None, images=None, seeds=None,
        interval=ends, covers=" and ".join(names) if ends else "nothing", image_error=error if spreads else None,
        image_degrees=float(images - 1) if spreads else None,
        seed_error=seeds.spreads[0].standard_error if seeds else None, no_interval=silence,
    )  # fmt: skip


def study(*arms: Arm, images: int = 55, compared: bool = True, **options) -> Results:
    """A study of these arms, with statistics; `options` are the study's fields."""
    made = [
        ArmStatistics(
            name=arm.name, training=f"freeze {arm.freeze}",
            identity={"freeze": arm.freeze, "construction": arm.construction}, seeds=sorted(arm.by_seed),
            isolated=arm.change == 0 and arm.change_error == 0,
            latency_p50_s=None if arm.latency_ms is None else arm.latency_ms / 1e3,
            latency_interval_s=None if arm.latency_ms is None or arm.latency_half is None else Interval(
                low=arm.latency_ms / 1e3 * (1 - arm.latency_half), high=arm.latency_ms / 1e3 * (1 + arm.latency_half)
            ),
            bytes=int(arm.megabytes * 1e6), target=claim_of(arm.target, arm.error, arm.silence, images),
            target_map50=claim_of(arm.target), target_test=None if arm.test is None else claim_of(arm.test, 0.03),
            base=None if arm.change is None else claim_of([0.4 + arm.change], arm.change_error),
            base_change=None if arm.change is None else claim_of([arm.change], arm.change_error),
            base_merged=None, joint_limit=None, target_joint_limit=None,
        )
        for arm in arms
    ]  # fmt: skip
    firsts = list({arm.freeze: arm for arm in reversed(arms)}.values())[::-1]
    comparisons = []
    for i, a in enumerate(firsts):
        for b in firsts[i + 1 :]:
            common = [seed for seed in a.by_seed if seed in b.by_seed]
            if not common or not compared:
                continue
            known = a.error is not None and b.error is not None
            error = math.sqrt(a.error**2 + b.error**2 - 2 * CORRELATION * a.error * b.error) if known else None
            difference = [b.by_seed[seed] - a.by_seed[seed] for seed in common]
            comparisons.append(
                Comparison(
                    data="target", between="trainings", number="map", a=f"freeze {a.freeze}", b=f"freeze {b.freeze}",
                    seeds=common, difference=claim_of(difference, error, a.silence or b.silence, images),
                    identical=False, p=None, p_holm=None, p_images=None,
                )
            )  # fmt: skip
    statistics = Statistics(
        alpha=0.05, power=0.8, resamples=2000, permutations=1000, margins=[0.001, 0.005],
        seeds=min(len(arm.target) for arm in arms), arms=made, comparisons=comparisons, detectable=[], limits=[],
    )  # fmt: skip
    facts = {"name": "d", "sha256": "d", "images": images, "boxes": 9, "crowd_boxes": 0, "counts": {}, "notes": []}
    content = {
        "bench_freeze": "0", "about": "a test", "command": "", "finished": True, "study": options, "environment": {},
        "weights": {"layers": [{"index": 22}]}, "data": {"target": facts | {"classes": ["a"]}}, "settings": {},
    }  # fmt: skip
    return msgspec.structs.replace(msgspec.convert(content, Results), statistics=statistics)
