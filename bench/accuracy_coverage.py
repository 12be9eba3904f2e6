"""How often the intervals of mAP and of mAP differences contain the true value of a population of images.

    python -m bench.accuracy_coverage DATA --json bench/results/accuracy_coverage.json \\
        --markdown bench/results/accuracy_coverage.md

DATA is the folder that BENCH_FREEZE_DATA names: YOLOv8n and YOLO11n run on its 206 images of COCO at 320 pixels, and
bench/accuracy_population.py makes a population from the results. Sets of 50 and 206 images are drawn from it. For each
set, this script computes

- the mAP of one model and its interval, as measured and without the bias of few images, which is estimated in two ways:
  by the bootstrap's own mean, and by halves of the set;
- the difference between the two models, and between two that exchange images by a fair coin (true difference 0). The
  standard error comes from the bootstrap, or from swaps where that is larger.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from bench.accuracy_population import Pair, Population, real_pair
from numpy.typing import NDArray

from bench_freeze.environment import environment
from bench_freeze.evaluate.bootstrap import excess_of_few_images, resampled_ap, whole_ap
from bench_freeze.stats.permutation import image_swaps, swap_error, swapped_differences
from bench_freeze.stats.student import quantile

SIZES = (50, 206)
LARGE = 20_000  # images that represent the population
RESAMPLES = 200


def main() -> None:
    """Simulate, and write the results as JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", type=int, default=100, help="number of sets of each size (100)")
    parser.add_argument("--detections", type=Path, help="file that keeps the models' detections; read if it exists")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)  # means over classes that are missing in a set
    population = Population(real_pair(args.data, args.detections))
    large = [population.draw(np.random.default_rng([1, k]), LARGE) for k in range(2)]
    true = np.mean([[_mean(whole_ap(side))[0] for side in pair] for pair in large], axis=0)
    found: dict[str, Any] = {"command": f"python -m bench.accuracy_coverage DATA --sets {args.sets}"}
    found["resamples"] = RESAMPLES
    found |= {"true map": true.tolist(), "sizes": {}}
    for n in SIZES:
        records = [record(population, np.random.default_rng([2, n, k]), n) for k in range(args.sets)]
        found["sizes"][str(n)] = summary({key: np.array([r[key] for r in records]) for key in records[0]}, n, true)
        print(n, found["sizes"][str(n)], flush=True)
    found["environment"] = environment()
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")
    text = "\n".join(table(found)) + "\n"
    if args.markdown:
        args.markdown.write_text(text)
    print(text)


def record(population: Population, generator: np.random.Generator, n: int) -> dict[str, float]:
    """Estimates and standard errors of one set."""
    seed = int(generator.integers(1 << 30))
    a, b = population.draw(generator, n)
    drawn_a, drawn_b = (_mean(resampled_ap(RESAMPLES, side, seed, 1)) for side in (a, b))
    value = _mean(whole_ap(a))[0]
    found = {
        "map": value,
        "map error": float(drawn_a.std(ddof=1)),
        "bootstrap excess": float(drawn_a.mean()) - value,
        "halves excess": float(np.nanmean(excess_of_few_images(a, seed, 1).mean(axis=1))),
        "difference": _mean(whole_ap(b))[0] - value,
        "difference error": float((drawn_b - drawn_a).std(ddof=1)),
        "difference swap": _swap_error((a, b), n, seed),
    }
    x, y = population.draw(generator, n, is_null=True)
    drawn = [_mean(resampled_ap(RESAMPLES, side, seed, 1)) for side in (x, y)]
    found["null"] = _mean(whole_ap(y))[0] - _mean(whole_ap(x))[0]
    found["null error"] = float((drawn[1] - drawn[0]).std(ddof=1))
    found["null swap"] = _swap_error((x, y), n, seed)
    return found


def _swap_error(pair: Pair, n: int, seed: int) -> float:
    return swap_error(swapped_differences([pair], image_swaps(n, RESAMPLES // 2, seed))[0], n)


def _mean(ap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over thresholds and the classes that exist: [B] from [B, K, T]."""
    of_class: NDArray[np.float64] = np.nanmean(ap.mean(axis=2), axis=1)
    return of_class


def summary(of: dict[str, NDArray[np.float64]], n: int, true: NDArray[np.float64]) -> dict[str, float]:
    """Coverage of the 95 % confidence intervals, biases and standard errors."""
    t = quantile(0.975, n - 1)

    def cover(value: NDArray[np.float64], error: NDArray[np.float64], truth: float) -> float:
        return float(np.mean(np.abs(value - truth) <= t * error))

    model, other = float(true[0]), float(true[1])
    found = {
        "sets": float(len(of["map"])),
        "bias": float(of["map"].mean()) - model,
        "cover of the mean of such sets": cover(of["map"], of["map error"], float(of["map"].mean())),
        "cover of the population": cover(of["map"], of["map error"], model),
    }
    for way in ("bootstrap", "halves"):
        corrected = of["map"] - of[f"{way} excess"]
        found[f"bias after {way}"] = float(corrected.mean()) - model
        found[f"cover after {way}"] = cover(corrected, of["map error"], model)
        found[f"error after {way}"] = float(np.sqrt(np.mean((corrected - model) ** 2)))
    found["error"] = float(np.sqrt(np.mean((of["map"] - model) ** 2)))
    for name, truth in (("difference", other - model), ("null", 0.0)):
        larger = np.maximum(of[f"{name} error"], of[f"{name} swap"])
        found[f"{name}: sd"] = float(of[name].std())
        found[f"{name}: bootstrap error"] = float(of[f"{name} error"].mean())
        found[f"{name}: error with swaps"] = float(larger.mean())
        found[f"{name}: cover, bootstrap"] = cover(of[name], of[f"{name} error"], truth)
        found[f"{name}: cover, with swaps"] = cover(of[name], larger, truth)
    return found


def table(found: dict[str, Any]) -> list[str]:
    """The lines of the Markdown table, with a column for each size."""
    sizes = found["sizes"]
    lines = ["| | " + " | ".join(f"{n} images" for n in sizes) + " |", "|---|" + "---:|" * len(sizes)]
    for key in next(iter(sizes.values())):
        digits = 0 if key == "sets" else 3 if "cover" in key else 4
        lines.append(f"| {key} | " + " | ".join(f"{entry[key]:.{digits}f}" for entry in sizes.values()) + " |")
    return lines


if __name__ == "__main__":
    main()
