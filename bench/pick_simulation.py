"""Is the pick a good one, and is its quoted mAP true? Simulated studies whose true values are known.

    python bench/pick_simulation.py --json FILE --markdown FILE [--studies N] [--only CELL]
    python bench/pick_simulation.py --noise

Every study draws images, true abilities of its arms and trainings of each seed (pick_model.py), and passes through the
real matching, bootstrap and decision. Three rules choose: this version's rule, the highest mAP, and the earlier
version's rule (the cheapest of the arms whose interval of the difference contains 0). Costs are latencies and file
sizes of the committed study of five depths, or all equal. Regret is in true target mAP; with costs, the full range of
latencies is worth the indifference to the user: utility = true mAP - 0.01 * (latency - lowest) / (highest - lowest).
"""

from __future__ import annotations

import argparse
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pick_model import detect, draw_images, true_curve
from pick_studies import COMMITTED, RESAMPLES, WORTH, costs_of, old_rule, study_of

from bench_freeze.conclusions import recommend
from bench_freeze.conclusions.figures import Sample, figure
from bench_freeze.environment import environment
from bench_freeze.evaluate.bootstrap import mean_ap, resampled_ap
from bench_freeze.evaluate.evaluation import Evaluation
from bench_freeze.evaluate.variation import varying_images
from bench_freeze.results.schema import decode
from bench_freeze.results.study_statistics import Claim

# Standard deviations of trainings in units of ability; 0.1 is about 0.03 mAP. In the committed study, the standard
# deviation over seeds is 0.012 to 0.054 mAP, and the arms of a seed rise and fall together.
COMMON_SEED, OWN_SEED = 0.07, 0.08
PER_ABILITY = 0.3  # mAP per unit of ability, around a mAP of 0.45


@dataclass(frozen=True)
class Cell:
    """One kind of study."""

    images: int
    classes: int
    seeds: int
    arms: int = 5
    spread: float = 0.08  # largest standard deviation of the arms' true mAP; the committed study's is 0.07
    share: float = 1.0  # of the requested number of studies

    @property
    def name(self) -> str:
        return f"{self.arms} arms{'' if self.spread else ' all equal'}, {self.seeds} seeds, {self.images} images"


CELLS = [
    Cell(55, 9, 3),
    Cell(55, 9, 1),
    Cell(200, 6, 3),
    Cell(200, 6, 1),
    Cell(55, 9, 1, arms=8, spread=0.0),
    Cell(200, 6, 1, arms=8, spread=0.0),
    Cell(55, 9, 5, share=0.5),
    Cell(200, 6, 5, share=0.5),
    Cell(500, 6, 5, share=0.2),
    Cell(55, 9, 3, arms=8, spread=0.0, share=0.5),
]


class Truth:
    """True mAP by ability: on all possible images, and on average over sets of a study's size."""

    def __init__(self, images: int, classes: int, sets: int = 120) -> None:
        abilities, values = true_curve(classes)
        self._whole = np.polynomial.Polynomial.fit(abilities, _logit(values), 4)
        generator = np.random.default_rng(7)
        some = np.linspace(-1, 1, 5)
        excess = [
            np.mean([detect(generator, draw_images(generator, images, classes), a).ap() for _ in range(sets)])
            for a in some
        ] - self.of(some)
        self._excess = np.polynomial.Polynomial.fit(some, excess, 1)

    def of(self, ability: NDArray[np.float64]) -> NDArray[np.float64]:
        """True mAP on all possible images."""
        return np.asarray(1 / (1 + np.exp(-self._whole(ability))))

    def of_sets(self, ability: NDArray[np.float64]) -> NDArray[np.float64]:
        """True mAP on average over sets of the study's size."""
        return np.asarray(self.of(ability) + self._excess(np.clip(ability, -1, 1)))


def simulate(cell: Cell, studies: int) -> dict[str, Any]:
    """Value of the three rules' picks, and errors of the quoted numbers, over all studies of a cell."""
    truth = Truth(cell.images, cell.classes)
    base = zlib.crc32(cell.name.encode())
    found = [one_study(cell, truth, np.random.default_rng([base, number])) for number in range(studies)]
    return {"cell": cell.name, "studies": studies, **_summary(found)}


def one_study(cell: Cell, truth: Truth, generator: np.random.Generator) -> dict[str, float]:
    """Regrets and errors of one study."""
    spread = generator.uniform(0, cell.spread) / PER_ABILITY
    arms = 0.05 + spread * generator.standard_normal(cell.arms)
    if generator.random() < 0.5:
        arms.sort()  # deeper is better, and more expensive
    common = COMMON_SEED * generator.standard_normal(cell.seeds)
    abilities = arms[:, None] + common + OWN_SEED * generator.standard_normal((cell.arms, cell.seeds))
    images = draw_images(generator, cell.images, cell.classes)
    samples = [[_sample(detect(generator, images, a)) for a in row] for row in abilities]
    chance = np.hypot(COMMON_SEED, OWN_SEED) * np.random.default_rng(0).standard_normal(400)
    true = np.array([truth.of(a + chance).mean() for a in arms])
    # With one seed, the interval covers other images only: the truth is that of this very model.
    known = abilities if cell.seeds == 1 else arms[:, None] + chance
    quotes = {"all images": truth.of(known).mean(axis=1), "such sets": truth.of_sets(known).mean(axis=1)}
    claims = [figure(own) for own in samples]
    comparisons = {(i, j): figure([b - a for a, b in zip(samples[i], samples[j], strict=True)])
                   for i in range(cell.arms) for j in range(i + 1, cell.arms)}  # fmt: skip
    latency, size = costs_of(cell.arms)
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


def noise() -> dict[str, Any]:
    """Standard errors of simulated studies like the committed one, and those of the committed one itself."""
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
    """Errors and coverage of the quoted number, and of the measured one with its own interval."""
    found = {f"{name}: quoted error": quoted.value - true, f"{name}: measured error": measured.value - true}
    for what, ends in (("quoted", quoted.interval), ("measured", measured.interval)):
        if ends is not None:
            found[f"{name}: {what} cover"] = float(ends.low <= true <= ends.high)
    return found


def _sample(evaluation: Evaluation) -> Sample:
    drawn = mean_ap(resampled_ap(RESAMPLES, evaluation, 0, 1), evaluation.iou_thresholds)
    return Sample(evaluation.ap(), drawn, evaluation.counts.images, varying_images(evaluation.truth))


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
    parser.add_argument("--only", default="", help="only the cells whose name contains this")
    parser.add_argument("--noise", action="store_true", help="only the standard errors, simulated and committed")
    args = parser.parse_args()
    if args.noise:
        print(json.dumps(noise(), indent=1))
        return
    done = json.loads(args.json.read_text(encoding="utf-8"))["cells"] if args.json and args.json.exists() else []
    kept = {(cell["cell"], cell["studies"]): cell for cell in done}  # an interrupted run resumes
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
