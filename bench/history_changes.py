"""How often `bench-freeze history` finds change points in histories without one, and which steps it finds.

Histories are made here, by models that the search knows nothing of. A false alarm is any change point in any of the
series of a history without one. For the power, five steps of 2 % each, ten runs apart: how many are found within two
runs of where they are, and whether any change is seen at all.

    python bench/history_changes.py --out bench/results/history_changes.json
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench_freeze.history.changes import changes

LENGTHS = (12, 30, 60)
STEP, STEPS, EACH = 0.02, 5, 10
NEAR = 2


def noise(kind: str, n: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Logarithms of n runs around 0."""
    if kind.startswith("normal"):
        return generator.normal(0, float(kind.split()[1]) / 100, n)
    if kind == "long tails (t, 3 df, 1 %)":
        return generator.standard_t(3, n) * 0.01
    if kind == "one run in ten is 8 % slower":
        return generator.normal(0, 0.005, n) + np.where(generator.random(n) < 0.1, np.log(1.08), 0)
    steps = generator.normal(0, 0.01, n + 50)
    if kind == "neighbours alike (AR .5, 1 %)":
        for k in range(1, len(steps)):
            steps[k] += 0.5 * steps[k - 1]
        return steps[50:]
    return np.cumsum(steps[50:])  # a random walk: its level does change


KINDS = (  # the search does not hang on the size of the noise, so one is enough
    "normal 1 %", "long tails (t, 3 df, 1 %)", "one run in ten is 8 % slower", "neighbours alike (AR .5, 1 %)",
    "random walk of 1 %",
)  # fmt: skip
POWER_KINDS = ("normal 0.5 %", "normal 1 %", "normal 2 %", "long tails (t, 3 df, 1 %)", "one run in ten is 8 % slower")


def false_alarms(kind: str, n: int, series: int, histories: int, seed: int) -> float:
    """The share of histories without a change in which one is found."""
    alarms = 0
    for k in range(histories):
        generator = np.random.default_rng((seed, n, series, k))
        alarms += any(changes(np.exp(noise(kind, n, generator)), series) for _ in range(series))
    return alarms / histories


def power(kind: str, histories: int, seed: int) -> dict[str, float]:
    """Of STEPS steps: the share that is found near its place, any change seen, change points too many."""
    places = [EACH * (k + 1) for k in range(STEPS)]
    levels = np.repeat(np.log1p(STEP) * np.arange(STEPS + 1), EACH)
    found_steps = any_seen = extra = 0
    for k in range(histories):
        generator = np.random.default_rng((seed, 7, k))
        found = changes(np.exp(levels + noise(kind, len(levels), generator)))
        near = sum(any(abs(change.position - place) <= NEAR for change in found) for place in places)
        found_steps += near
        extra += max(0, len(found) - STEPS)
        any_seen += bool(found)
    return {
        "steps_found": found_steps / (STEPS * histories),
        "any_seen": any_seen / histories,
        "too_many_per_history": extra / histories,
    }


def main() -> None:
    """Count, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--histories", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20261129)
    parsed = parser.parse_args()
    began = time.perf_counter()
    alarms = [
        {"noise": kind, "runs": n, "series": series, "false_alarms": false_alarms(kind, n, series, count, parsed.seed)}
        for kind in KINDS
        for n, series, count in (*((n, 1, parsed.histories) for n in LENGTHS), (30, 5, parsed.histories // 5))
    ]
    seen = [{"noise": kind, **power(kind, parsed.histories // 5, parsed.seed)} for kind in POWER_KINDS]
    result = {
        "command": f"python bench/history_changes.py --out FILE --histories {parsed.histories}",
        "machine": f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}",
        "histories": parsed.histories,
        "seconds": round(time.perf_counter() - began, 1),
        "false_alarms": alarms,
        "five_steps_of_2_percent": seen,
    }
    parsed.out.write_text(json.dumps(result, indent=1) + "\n")
    for row in [*alarms, *seen]:
        print(row)


if __name__ == "__main__":
    main()
