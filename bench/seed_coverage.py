"""Outlying trainings: how often a training is named wrongly, and how often one that went wrong is named.

    python -m bench.seed_coverage --json bench/results/seed_coverage.json --markdown bench/results/seed_coverage.md

The studies are simulated: arms of 3 to 10 seeds, whose target mAP is normal around the arm's own mean. In some of them,
one training in ten goes wrong and loses a fifth of its mAP. The true value of an arm is the mean of trainings that do
not go wrong. Two intervals are compared with it: over all seeds, and over the seeds that are not named.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from bench_freeze.environment import environment
from bench_freeze.stats.estimate import over_seeds
from bench_freeze.stats.outlying import outlying

SD = 0.006  # standard deviation of target mAP over seeds
LOSS = 0.2
RATE = 0.1


def main() -> None:
    """Simulate, and write the results as JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    rows = [simulate(arms, seeds, args.studies) for arms in (1, 4) for seeds in (3, 4, 5, 7, 10)]
    found = {"command": "python -m bench.seed_coverage", "studies": args.studies, "rows": rows}
    found["environment"] = environment()
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")
    keys = list(rows[0])
    lines = ["| " + " | ".join(keys) + " |", "|" + "---:|" * len(keys)]
    lines += [
        "| " + " | ".join(f"{row[key]:.3f}" if key not in ("arms", "seeds") else str(row[key]) for key in keys) + " |"
        for row in rows
    ]
    text = "\n".join(lines) + "\n"
    if args.markdown:
        args.markdown.write_text(text)
    print(text)


def simulate(arms: int, seeds: int, studies: int) -> dict[str, Any]:
    """Rates over studies: false namings by kind of spread; detections and coverage where trainings go wrong."""
    generator = np.random.default_rng([arms, seeds])
    false: dict[str, int] = {"equal": 0, "unequal": 0, "t5": 0}
    wrong = named = named_right = covered_all = covered_left = counted = 0
    for _ in range(studies):
        means = generator.uniform(0.4, 0.6, (arms, 1))
        normal = generator.normal(0, SD, (arms, seeds))
        factor = np.where(np.arange(arms) % 2, 2.0, 1.0)[:, None]
        tails = generator.standard_t(5, (arms, seeds)) * SD / (5 / 3) ** 0.5
        for kind, spread in (("equal", normal), ("unequal", normal * factor), ("t5", tails)):
            false[kind] += bool(outlying((means + spread).tolist()))
        fails = generator.random((arms, seeds)) < RATE
        values = means + normal - LOSS * fails
        found = outlying(values.tolist())
        wrong, named = wrong + int(fails.sum()), named + len(found)
        named_right += sum(bool(fails[place]) for place in found)
        for k in range(arms):
            left = [float(v) for at, v in enumerate(values[k]) if (k, at) not in found]
            counted += 1
            covered_all += _holds(values[k].tolist(), float(means[k, 0]))
            covered_left += _holds(left, float(means[k, 0]))
    rates = {f"falsely named, {kind} spread": count / studies for kind, count in false.items()}
    return {
        "arms": arms,
        "seeds": seeds,
        **rates,
        "gone wrong: named": named_right / max(wrong, 1),
        "named: gone wrong": named_right / max(named, 1),
        "cover, all seeds": covered_all / counted,
        "cover, without those named": covered_left / counted,
    }


def _holds(values: list[float], true: float) -> bool:
    low, high = over_seeds(values).interval()
    return low <= true <= high


if __name__ == "__main__":
    main()
