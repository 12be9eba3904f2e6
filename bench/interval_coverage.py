"""How often the bounds of a percentile contain its true value, among the runs that are called VALID.

    python -m bench.interval_coverage --json bench/results/interval_coverage.json \\
        --markdown bench/results/interval_coverage.md

The runs are simulated with 64, 200 and 1,000 samples (bench/interval_models.py defines the true values), simulated and
ended by the default stopping rule, or recorded. Three ways are compared:

- independent: order statistics as if samples were independent, and a verdict that ignores their dependence;
- bootstrap: the median of circular blocks of neighbours, of Politis and White's length, and Student's t;
- here: the bounds and verdict of bench_freeze.measure.

Recorded runs consist of long blocks (32 to 96 samples) of one recorded trace, whose end is joined to its start. Their
true percentile is that of the trace, because every sample of the trace is equally likely at every place.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from bench.interval_models import MODELS, Array, Run, same_truth

from bench_freeze.environment import environment
from bench_freeze.measure.percentiles import Percentile, percentile
from bench_freeze.measure.stability import stability
from bench_freeze.measure.stats import LatencyStats
from bench_freeze.measure.stopping import DependenceLook, StoppingRule
from bench_freeze.measure.verdict import judge
from bench_freeze.stats.level import level

RESULTS = Path(__file__).parent / "results"
LENGTHS = (64, 200, 1000)
PERCENTS = (50, 90, 99)
DEFAULT = StoppingRule(200, 1e9)  # --latency-samples, without a limit of time


def main() -> None:
    """Simulate, and write the results as JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--runs", type=int, default=400, help="runs of each model and length, an eighth with 1,000 samples (400)"
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    found: dict[str, Any] = {
        "command": f"python -m bench.interval_coverage --runs {args.runs} --jobs {args.jobs}",
        "runs": args.runs,
        "made": {},
        "recorded": {},
    }
    with ProcessPoolExecutor(args.jobs) as pool:
        again = pool.submit(of_recorded, args.runs)
        for name, tallies in zip(MODELS, pool.map(of_model, MODELS, [args.runs] * len(MODELS)), strict=True):
            found["made"][name] = tallies
            print(name, flush=True)
        found["recorded"] = again.result()
    found["environment"] = environment()
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")
    text = "\n".join(table(found)) + "\n"
    if args.markdown:
        args.markdown.write_text(text)
    print(text)


def of_model(name: str, runs: int) -> dict[str, Any]:
    """One model's tallies by length, and with the default stopping rule."""
    number, make = list(MODELS).index(name), MODELS[name]
    found = {}
    for n in LENGTHS:
        generator = np.random.default_rng([7, number, n])
        found[str(n)] = tally(make(generator, n) for _ in range(runs if n < 1000 else runs // 8))
    generator = np.random.default_rng([8, number])
    found["default rule"] = tally(stopped(make(generator, 200)) for _ in range(runs))
    return found


def of_recorded(runs: int) -> dict[str, Any]:
    """The tally of recorded traces in long blocks, and today's verdicts on the unchanged traces."""
    traces, generator = recorded(RESULTS), np.random.default_rng(9)
    drawn = (of_trace(traces[k % len(traces)], generator) for k in range(runs))
    return {"traces": len(traces), "200": tally(drawn), **still_valid(RESULTS)}


def tally(runs: Iterator[Run]) -> dict[str, Any]:
    """Share of VALID runs and, among them, share of those whose bounds contain the true value, by percentile."""
    counts: dict[str, dict[str, list[float]]] = {}
    total, taken = 0, 0
    for run in runs:
        total, taken = total + 1, taken + len(run.samples_s)
        for way, (is_valid, bounds) in ways(run.samples_s).items():
            entry = counts.setdefault(way, {"valid": []})
            entry["valid"].append(is_valid)
            for percent, (low, high) in bounds.items() if is_valid else ():
                held = low <= run.true_s(percent) <= high
                entry.setdefault(f"p{percent}", []).append(held)
                if percent == 50:
                    entry.setdefault("p50 at start", []).append(low <= run.at_start(50) <= high)
                    entry.setdefault("p50 width", []).append((high - low) / 2 / run.true_s(50))
                else:
                    entry.setdefault(f"p{percent} bounded", []).append(high < math.inf)
    means = {way: {key: float(np.mean(v)) for key, v in entry.items() if v} for way, entry in counts.items()}
    return {"runs": total, "samples": taken / max(total, 1), **means}


Bounds = dict[float, tuple[float, float]]


def ways(samples: Array) -> dict[str, tuple[bool, Bounds]]:
    """Each way's verdict and bounds."""
    stats = LatencyStats(tuple(samples.tolist()), "samples", 6)
    ordered = sorted(stats.samples_s)
    independent = {p: found for p in PERCENTS if (found := percentile(ordered, p)).value_s is not None}
    here = {p: found for p in PERCENTS if (found := stats.percentile(p)).value_s is not None}
    is_level = _was_valid(stats, independent[50])
    ways_found: dict[str, tuple[bool, Bounds]] = {
        "independent": (is_level, {p: _ends(entry) for p, entry in independent.items()}),
        "here": (judge(stats).verdict == "VALID", {p: _ends(entry) for p, entry in here.items()}),
    }
    if len(samples) <= 200:
        ways_found["bootstrap"] = (is_level, {50: level(samples).interval()})
    return ways_found


def _ends(found: Percentile) -> tuple[float, float]:
    return (found.low_s if found.low_s is not None else 0.0, found.high_s if found.high_s is not None else math.inf)


def _was_valid(stats: LatencyStats, median: Percentile) -> bool:
    """The verdict that ignores dependence: drift, steps, and the median's width as if samples were independent."""
    seen = stability(stats.samples_s)
    drifts = seen is not None and abs(seen.drift_z) >= 2.576 and abs(seen.drift) >= 0.03
    steps = seen is not None and seen.steps >= 0.25
    low, high = _ends(median)
    return not drifts and not steps and (high - low) / 2 / (median.value_s or 1) <= 0.05


def stopped(run: Run) -> Run:
    """The run as the default rule ends it, including bench_freeze's check of dependence."""
    samples, summary, look = run.samples_s.tolist(), DEFAULT.summary(), DependenceLook(DEFAULT)
    for n, sample in enumerate(samples, start=1):
        if look.reason_to_stop(samples[:n], 0.0, summary.add(sample)) is not None:
            return run.cut(n)
    return run


def scopes(folder: Path) -> Iterator[dict[str, Any]]:
    """The latencies of every scope in committed results."""
    for file in sorted(folder.glob("fruit9_*.json")):
        results = json.loads(file.read_text())
        for row in (*results.get("originals", ()), *results.get("rows", ())):
            yield from (found for found in (row["latency"]["model"], row["latency"]["pipeline"]) if found)


def recorded(folder: Path) -> list[Array]:
    """Every recorded trace of at least 64 samples, without repetitions."""
    found = {tuple(s["samples_s"]): np.array(s["samples_s"]) for s in scopes(folder) if len(s["samples_s"]) >= 64}
    return list(found.values())


def of_trace(trace: Array, generator: np.random.Generator) -> Run:
    """A run of 200 samples, made from long blocks of a trace."""
    places: list[int] = []
    while len(places) < 200:
        start, length = generator.integers(len(trace)), generator.integers(32, 97)
        places += [int(k) % len(trace) for k in range(start, start + length)]
    ordered = np.sort(trace)

    def true(percent: float) -> float:
        return float(ordered[math.ceil(percent / 100 * len(ordered) - 1e-9) - 1])

    return same_truth(trace[places[:200]], true)


def still_valid(folder: Path) -> dict[str, int]:
    """How many kept latencies were VALID when measured, and how many of them are VALID by today's verdict."""
    kept = [s for s in scopes(folder) if s.get("verdict") == "VALID"]
    again = [judge(LatencyStats(tuple(s["samples_s"]), s["stopped_by"], s["warmup_calls"]), period=16) for s in kept]
    return {"VALID when measured": len(kept), "VALID now": sum(entry.verdict == "VALID" for entry in again)}


def table(found: dict[str, Any]) -> list[str]:
    """The lines of the Markdown file."""
    lines = ["Cover of 95 % bounds among VALID runs (share VALID).", ""]
    for n in (*map(str, LENGTHS), "default rule"):
        lines += [f"## {n} samples" if n.isdigit() else "## As the default rule ends a run, at most 200 samples", ""]
        lines += [
            "| noise | p50 as if independent | p50 block bootstrap | p50 here | p50 width | p90 here | p99 here |"
        ]
        lines += ["|---|---:|---:|---:|---:|---:|---:|"]
        rows: list[tuple[str, dict[str, Any]]] = [(name, by[n]) for name, by in found["made"].items()]
        if n == "200":
            rows.append((f"recorded, {found['recorded']['traces']} traces", found["recorded"]["200"]))
        for name, entry in rows:
            lines.append(f"| {name} | " + " | ".join(_cells(entry)) + " |")
        lines.append("")
    walked = found["made"]["random walk .2 % a sample"]["200"]["here"].get("p50 at start")
    recorded_now = found["recorded"]
    lines += [
        f"Of the random walk's VALID runs {walked:.0%} hold the level where it began." if walked is not None else "",
        f"Of {recorded_now['VALID when measured']} kept scopes that were VALID, {recorded_now['VALID now']} are now.",
    ]
    return lines


def _cells(entry: dict[str, Any]) -> list[str]:
    def cell(way: str, key: str, shows_valid: bool = True) -> str:
        of = entry.get(way, {})
        share = f" ({of['valid']:.2f})" if shows_valid and "valid" in of else ""
        return f"{of[key]:.3f}{share}" if key in of else f"-{share}"

    width = entry["here"].get("p50 width")
    names: list[Callable[[], str]] = [lambda: cell("here", "p90", False), lambda: cell("here", "p99", False)]
    return [
        cell("independent", "p50"),
        cell("bootstrap", "p50"),
        cell("here", "p50"),
        "-" if width is None or not math.isfinite(width) else f"{width:.2%}",
        *(name() for name in names),
    ]


if __name__ == "__main__":
    main()
