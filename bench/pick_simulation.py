"""Is the pick a good one, and is its quoted mAP true? Simulated studies whose true values are known.

    python bench/pick_simulation.py --json FILE --markdown FILE [--studies N] [--only CELL]
    python bench/pick_simulation.py --noise

Every study draws images, true abilities of its arms and trainings of each seed (pick_model.py), and goes through the
real matching, bootstrap and decision. Three rules choose: this version's, the highest mAP, and the rule of the version
before (of the arms whose interval of the difference has 0 in it the cheapest). Costs are latencies and file sizes of
the committed study of five depths, or all alike. Regret is in true target mAP; with costs, the whole span of latencies
is worth the indifference to the user: utility = true mAP - 0.01 * (latency - lowest) / (highest - lowest).
"""

from __future__ import annotations

import argparse
import json
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from pick_model import detect, draw_images, true_curve

from bench_freeze.conclusions import recommend
from bench_freeze.conclusions.figures import Sample, figure
from bench_freeze.environment import environment
from bench_freeze.evaluate.bootstrap import mean_ap, resampled_ap
from bench_freeze.evaluate.evaluation import Evaluation
from bench_freeze.evaluate.variation import varying_images
from bench_freeze.results.schema import Results, decode
from bench_freeze.results.study_statistics import ArmStatistics, Claim, Comparison, Interval, Statistics

RESULTS = Path(__file__).parent / "results"
COMMITTED = RESULTS / "fruit9_depths_seeds_320.json"
RESAMPLES = 100  # fewer than a study's 2,000, for speed: standard errors are known to 7 %
WORTH = 0.01  # mAP that the span of latencies is worth; what the studies are asked with
# Of trainings, in abilities; 0.1 is about 0.03 mAP: seeds of the committed study have a standard deviation of 0.012 to
# 0.054, and rise and fall together.
COMMON_SEED, OWN_SEED = 0.07, 0.08
PER_ABILITY = 0.3  # mAP that one unit of ability is worth around 0.45


@dataclass(frozen=True)
class Cell:
    """Studies of one kind."""

    images: int
    classes: int
    seeds: int
    arms: int = 5
    spread: float = 0.08  # standard deviation of arms' true mAP: from 0 to this; the committed study's is 0.07
    share: float = 1.0  # of the studies asked for

    @property
    def name(self) -> str:
        return f"{self.arms} arms{'' if self.spread else ' all equal'}, {self.seeds} seeds, {self.images} images"


CELLS = [
    Cell(55, 9, 1),
    Cell(55, 9, 3),
    Cell(200, 6, 3, share=0.5),
    Cell(55, 9, 1, arms=8, spread=0.0, share=0.5),
    Cell(200, 6, 1, arms=8, spread=0.0, share=0.5),
    Cell(200, 6, 1, share=0.5),
    Cell(200, 6, 5, share=0.5),
    Cell(55, 9, 5, share=0.5),
    Cell(55, 9, 3, arms=8, spread=0.0, share=0.5),
    Cell(200, 6, 3, arms=8, spread=0.0, share=0.5),
    Cell(500, 6, 5, share=0.25),
]


class Truth:
    """True mAP by ability: of all images there could be, and of sets as small as a study's on average."""

    def __init__(self, images: int, classes: int, sets: int = 120) -> None:
        abilities, values = true_curve(classes)
        self._whole = np.polynomial.Polynomial.fit(abilities, _logit(values), 5)
        generator = np.random.default_rng(7)
        some = np.linspace(-1, 1, 5)
        excess = [
            np.mean([detect(generator, draw_images(generator, images, classes), a).ap() for _ in range(sets)])
            for a in some
        ] - self.of(some)
        self._excess = np.polynomial.Polynomial.fit(some, excess, 1)

    def of(self, ability: NDArray[np.float64]) -> NDArray[np.float64]:
        """On all images."""
        return np.asarray(1 / (1 + np.exp(-self._whole(ability))))

    def of_sets(self, ability: NDArray[np.float64]) -> NDArray[np.float64]:
        """On average over sets of the study's size."""
        return np.asarray(self.of(ability) + self._excess(np.clip(ability, -1, 1)))


def simulate(cell: Cell, studies: int) -> dict[str, Any]:
    """What the three rules' picks are worth, and how true the quoted numbers are."""
    truth = Truth(cell.images, cell.classes)
    base = zlib.crc32(cell.name.encode())
    found = [one_study(cell, truth, np.random.default_rng([base, number])) for number in range(studies)]
    return {"cell": cell.name, "studies": studies, **_summary(found)}


def one_study(cell: Cell, truth: Truth, generator: np.random.Generator) -> dict[str, float]:
    """Regrets and errors of one study."""
    spread = generator.uniform(0, cell.spread) / PER_ABILITY
    arms = 0.05 + spread * generator.standard_normal(cell.arms)
    if generator.random() < 0.5:
        arms.sort()  # deeper is better, and dearer
    common = COMMON_SEED * generator.standard_normal(cell.seeds)
    abilities = arms[:, None] + common + OWN_SEED * generator.standard_normal((cell.arms, cell.seeds))
    images = draw_images(generator, cell.images, cell.classes)
    samples = [[_sample(detect(generator, images, a)) for a in row] for row in abilities]
    chance = np.hypot(COMMON_SEED, OWN_SEED) * np.random.default_rng(0).standard_normal(400)
    true = np.array([truth.of(a + chance).mean() for a in arms])
    # One seed's interval covers the images, of this very model.
    known = abilities if cell.seeds == 1 else arms[:, None] + chance
    quotes = {"all images": truth.of(known).mean(axis=1), "such sets": truth.of_sets(known).mean(axis=1)}
    claims = [figure(own) for own in samples]
    comparisons = {(i, j): figure([b - a for a, b in zip(samples[i], samples[j], strict=True)])
                   for i in range(cell.arms) for j in range(i + 1, cell.arms)}  # fmt: skip
    latency, size = _costs(cell.arms)
    cost = (latency - latency.min()) / np.ptp(latency)
    worth = true - WORTH * cost
    measured = np.array([claim.value for claim in claims])
    result: dict[str, float] = {}
    for kind in ("costs", "alike"):
        times, sizes = (latency, size) if kind == "costs" else (np.full_like(latency, 0.02), np.full_like(size, 10**7))
        decision = recommend(study_of(claims, comparisons, times, sizes))
        assert decision is not None
        assert decision.quoted is not None
        new = _position(decision.pick)
        highest = int(np.argmax(measured))
        picks = {"new": new, "highest": highest, "old": old_rule(measured, comparisons, times, sizes)}
        value = worth if kind == "costs" else true
        for rule, pick in picks.items():
            result[f"{kind}: {rule}"] = value.max() - value[pick]
            if kind == "costs":
                result[f"mAP: {rule}"] = true.max() - true[pick]
                result[f"beyond: {rule}"] = max(0.0, true.max() - true[pick] - WORTH)
        if kind == "costs":
            result |= {"not the highest: new": new != highest, "not the highest: old": picks["old"] != highest}
            result["support"] = decision.support or 0.0
            result["right"] = new == int(np.argmax(worth))
            for name, values in quotes.items():
                result |= _quoted(name, decision.quoted, claims[new], values[new])
    return result


def old_rule(measured: NDArray[np.float64], pairs: dict[tuple[int, int], Claim], latency: Any, size: Any) -> int:
    """The pick of the version before: the cheapest of the highest and of those whose difference from it has 0 in it."""
    best = int(np.argmax(measured))

    def ties(arm: int) -> bool:
        ends = pairs[min(arm, best), max(arm, best)].interval
        return ends is None or ends.low <= 0 <= ends.high

    tied = [arm for arm in range(len(measured)) if arm == best or ties(arm)]
    return min(tied, key=lambda arm: (latency[arm], size[arm], -measured[arm]))


def study_of(claims: list[Claim], pairs: dict[tuple[int, int], Claim], latency: Any, size: Any) -> Results:
    """A study of branched arms with these claims, as results.json would hold it; latencies are known to 1 %."""
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


def noise() -> dict[str, Any]:
    """Standard errors of simulated studies like the committed one, beside its own."""
    committed = decode(COMMITTED.read_bytes()).statistics
    assert committed is not None
    arms = [arm.target for arm in committed.arms if arm.name.startswith("branched")]
    pairs = [c.difference for c in committed.comparisons if (c.data, c.number) == ("target", "map")]
    found: dict[str, list[float]] = {"one arm": [], "two arms": [], "seeds": []}
    for number in range(20):
        generator = np.random.default_rng([5, number])
        images = draw_images(generator, 55, 9)
        common = COMMON_SEED * generator.standard_normal(3)
        samples = [
            [_sample(detect(generator, images, a + c + OWN_SEED * generator.standard_normal())) for c in common]
            for a in (-0.1, 0.3)
        ]
        claims = [figure(own) for own in samples]
        difference = figure([b - a for a, b in zip(*samples, strict=True)])
        found["one arm"] += [claim.image_error or 0.0 for claim in claims]
        found["two arms"].append(difference.image_error or 0.0)
        found["seeds"] += [claim.sd or 0.0 for claim in claims]
    return {
        "committed: over images, an arm": sorted(c.image_error for c in arms if c.image_error),
        "committed: over images, a difference": sorted(c.image_error for c in pairs if c.image_error),
        "committed: standard deviation over seeds": sorted(c.sd for c in arms if c.sd),
        "simulated: over images, an arm (mean)": float(np.mean(found["one arm"])),
        "simulated: over images, a difference (mean)": float(np.mean(found["two arms"])),
        "simulated: standard deviation over seeds (mean)": float(np.mean(found["seeds"])),
    }


def _quoted(name: str, quoted: Any, measured: Claim, true: float) -> dict[str, float]:
    """Errors and cover of the quoted number, and of the measured one with its own interval."""
    found = {f"{name}: quoted error": quoted.value - true, f"{name}: measured error": measured.value - true}
    for what, ends in (("quoted", quoted.interval), ("measured", measured.interval)):
        if ends is not None:
            found[f"{name}: {what} cover"] = float(ends.low <= true <= ends.high)
    return found


def _sample(evaluation: Evaluation) -> Sample:
    drawn = mean_ap(resampled_ap(RESAMPLES, evaluation, 0, 1), evaluation.iou_thresholds)
    return Sample(evaluation.ap(), drawn, evaluation.counts.images, varying_images(evaluation.truth))


@cache
def _costs(arms: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Latencies and sizes of the committed study's branched arms, from shallow to deep; of more arms in between."""
    statistics = decode(COMMITTED.read_bytes()).statistics
    assert statistics is not None
    own = [arm for arm in statistics.arms if arm.name.startswith("branched")]
    at, known = np.linspace(0, 1, arms), np.linspace(0, 1, len(own))
    latency = np.interp(at, known, [arm.latency_p50_s or 0.0 for arm in own])
    return latency, np.interp(at, known, [arm.bytes for arm in own]).astype(np.int64)


def _position(name: str | None) -> int:
    assert name is not None
    return int(name.split()[1])


def _logit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(values / (1 - values)))


def _summary(found: list[dict[str, float]]) -> dict[str, Any]:
    keys = found[0].keys()
    columns = {key: np.array([study[key] for study in found if key in study], np.float64) for key in keys}
    result: dict[str, Any] = {"mean": {key: float(column.mean()) for key, column in columns.items()}}
    regrets = {
        key: column for key, column in columns.items() if key.split(":")[0] in ("costs", "alike", "mAP", "beyond")
    }
    result["quantile_95"] = {key: float(np.quantile(column, 0.95)) for key, column in regrets.items()}
    result["new_minus"] = {
        f"{kind}: {other}": [float(d.mean()), float(d.std(ddof=1) / np.sqrt(len(d)))]
        for kind in ("costs", "alike", "mAP", "beyond")
        for other in ("highest", "old")
        if len(d := columns[f"{kind}: new"] - columns[f"{kind}: {other}"]) > 1
    }
    return result


def _markdown(cells: list[dict[str, Any]]) -> str:
    rules = " | ".join(["this rule", "highest mAP", "rule before"] * 2)
    lines = [
        "Regret in 0.001 of true target mAP, mean (95 % quantile): first with costs, then with all costs alike.",
        "",
        f"| studies | n | {rules} |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for cell in cells:
        keys = [f"{kind}: {rule}" for kind in ("costs", "alike") for rule in ("new", "highest", "old")]
        parts = [f"{1e3 * cell['mean'][key]:.1f} ({1e3 * cell['quantile_95'][key]:.0f})" for key in keys]
        lines.append(f"| {cell['cell']} | {cell['studies']} | {' | '.join(parts)} |")
    columns = "measured - true | quoted - true | cover, measured | cover, quoted"
    lines += [
        "",
        "The number quoted for the pick, without a test split (0.001 mAP): first against the mean of sets of the "
        "study's size, then against all images there could be.",
        "",
        f"| studies | {columns} | {columns} |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for cell in cells:
        mean, parts = cell["mean"], []
        for truth in ("such sets", "all images"):
            parts += [f"{1e3 * mean[f'{truth}: {what} error']:+.1f}" for what in ("measured", "quoted")]
            parts += [f"{mean[f'{truth}: {what} cover']:.1%}" for what in ("measured", "quoted")]
        lines.append(f"| {cell['cell']} | {' | '.join(parts)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--only", default="", help="cells whose name has this in it")
    parser.add_argument("--noise", action="store_true", help="only the standard errors, simulated and committed")
    args = parser.parse_args()
    if args.noise:
        print(json.dumps(noise(), indent=1))
        return
    done = json.loads(args.json.read_text(encoding="utf-8"))["cells"] if args.json and args.json.exists() else []
    kept = {(cell["cell"], cell["studies"]): cell for cell in done}  # a run that was cut short goes on
    cells: list[dict[str, Any]] = []
    spreads = noise()
    for cell in CELLS:
        if args.only in cell.name:
            studies = round(args.studies * cell.share)
            cells.append(kept.get((cell.name, studies)) or simulate(cell, studies))
            print(_markdown(cells[-1:]), flush=True)
            if args.json:
                content = {"noise": spreads, "cells": cells, "environment": environment()}
                args.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            if args.markdown:
                args.markdown.write_text(_markdown(cells), encoding="utf-8")


if __name__ == "__main__":
    main()
