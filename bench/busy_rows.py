"""Is the order of models right on a busy machine if they are timed together in rounds, or one after the other?

    bench-freeze --freeze 15 --epochs 1 --construction branched,grafted --out runs/rows
    python bench/busy_rows.py runs/rows --json FILE --markdown FILE

The true ratios to the original come from long measurements at the start and at the end, in which the models are timed
together without a load of ours. In every run in between, a process of our own keeps one core busy in bursts of random
length (seeded by the run), and the models are timed in both ways, with the same limits on calls and time: one after the
other, as a study times each row alone (the medians are divided), and together, as it times them in rounds
(`ratio_to_original`). An order is right if it is right for every two models whose true times differ by more than 5 %.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import combinations, product
from pathlib import Path
from typing import Any

from bench_freeze.data.dataset import ImageRecord
from bench_freeze.deployment.latency import DISTINCT_BATCHES, SCOPES, measure_latency
from bench_freeze.deployment.together import CALLS, Entrant, RoundsRule, ScopeRounds, TimedTogether, time_group
from bench_freeze.engines.open import open_exported
from bench_freeze.environment import environment
from bench_freeze.kernels.nms_options import NmsOptions
from bench_freeze.measure.free_memory import free_host_bytes
from bench_freeze.measure.stopping import StoppingRule
from bench_freeze.profile.images import folder_records

ORIGINAL = "original"
APART = 0.05  # the order of two models counts only if their true times differ by more
BURST_S, PAUSE_S = 1.5, 1.5  # means of exponential lengths

Ratios = dict[str, dict[str, float]]  # by scope and model


# The load, a separate program that imports nothing of ours: it keeps one core busy, on and off, until it is killed.
BUSY = """
import os, random, sys, time
seed, core, burst_s, pause_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
os.sched_setaffinity(0, {core})
rng = random.Random(seed)
while True:
    time.sleep(rng.expovariate(1 / pause_s))
    end = time.monotonic() + rng.expovariate(1 / burst_s)
    while time.monotonic() < end:
        pass
"""


@contextmanager
def load(seed: int) -> Iterator[None]:
    """Keep one core busy in bursts; raises SystemExit if the load program has ended by itself."""
    core = sorted(os.sched_getaffinity(0))[0]
    program = subprocess.Popen([sys.executable, "-c", BUSY, *map(str, (seed, core, BURST_S, PAUSE_S))])
    try:
        yield
        if program.poll() is not None:
            raise SystemExit("the program that keeps a core busy ended by itself; nothing was measured under a load")
    finally:
        program.kill()
        program.wait()


def models_of(out: Path) -> dict[str, Path]:
    """One ONNX file of each shape in a study's folder: the original, and dual-head models by the layer of their split.

    A branched model splits at its freeze depth, a grafted one at its head. Raises SystemExit without the original or
    with fewer than two dual-head models.
    """
    models = {}
    for manifest in sorted((out / "artifacts").glob("onnx-*/manifest.json")):
        inputs = json.loads(manifest.read_text())["inputs"]
        if inputs["tuned_sha256"] is None:
            models[ORIGINAL] = manifest.parent / "model.onnx"
        elif inputs["graft_at"] is not None:
            models.setdefault(f"split at {inputs['graft_at']}", manifest.parent / "model.onnx")
    if ORIGINAL not in models or len(models) < 3:
        raise SystemExit(f"{out} needs the original and two dual-head models; its artifacts have {sorted(models)}")
    return models


def images_of(out: Path) -> list[list[ImageRecord]]:
    image = next(path for path in sorted((out / "artifacts").rglob("*")) if path.suffix in (".jpg", ".png"))
    return [[record] for record in folder_records(str(image.parent), DISTINCT_BATCHES)]


def together(
    models: Mapping[str, Path], batches: list[list[ImageRecord]], rule: RoundsRule
) -> dict[str, TimedTogether]:
    entrants = {
        name: Entrant(name, partial(open_exported, "ort", path, "cpu", spin="within calls"), 0.0)
        for name, path in models.items()
    }
    reference = entrants.pop(ORIGINAL)
    outcome = time_group(reference, list(entrants.values()), batches, NmsOptions(), rule, free_bytes=free_host_bytes)
    if outcome.failures or outcome.untried:
        raise SystemExit(f"not all models could be timed: {outcome.failures} {outcome.untried}")
    return outcome.timed


def pooled(parts: Sequence[Mapping[str, TimedTogether]]) -> dict[str, Any]:
    """Ratios over the rounds of several measurements."""
    found: dict[str, Any] = {scope: {} for scope in SCOPES}
    for name, scope in product(parts[0], SCOPES):
        own = [getattr(part[name], scope) for part in parts]
        every = ScopeRounds(
            seconds=sum((one.seconds for one in own), ()),
            reference_s=sum((one.reference_s for one in own), ()),
            states=(),
        )
        ratio = every.ratio(ORIGINAL)
        if ratio is None:
            raise SystemExit(f"{name} has no round")
        found[scope][name] = {"ratio": ratio.value, "low": ratio.low, "high": ratio.high, "rounds": ratio.rounds}
    return found


def alone_way(models: Mapping[str, Path], batches: list[list[ImageRecord]], rule: StoppingRule) -> dict[str, Any]:
    latencies = {}
    for name, path in models.items():
        with closing(open_exported("ort", path, "cpu")) as engine:
            latencies[name] = measure_latency(engine, batches, NmsOptions(), rule).latencies()
    found: dict[str, Any] = {}
    for scope in SCOPES:
        own = {name: getattr(latency, scope) for name, latency in latencies.items()}
        found[scope] = {
            name: {"ratio": one.p50_s / own[ORIGINAL].p50_s, "p50_s": one.p50_s, "n": one.n, "verdict": one.verdict}
            for name, one in own.items()
        }
    return found


def ratios_of(found: Mapping[str, Any]) -> Ratios:
    return {s: {ORIGINAL: 1.0} | {name: one["ratio"] for name, one in found[s].items()} for s in SCOPES}


def apart(true: Mapping[str, float]) -> list[tuple[str, str]]:
    """The pairs whose order counts, the slower one first."""
    ordered = sorted(true, key=true.__getitem__, reverse=True)
    return [(a, b) for a, b in combinations(ordered, 2) if true[a] / true[b] > 1 + APART]


def wrong_pairs(ratios: Mapping[str, float], true: Mapping[str, float]) -> list[str]:
    return [f"{a} below {b}" for a, b in apart(true) if ratios[a] <= ratios[b]]


def summary(runs: list[dict[str, Any]], true: Ratios) -> dict[str, Any]:
    """By way and scope: runs in the right order, pairs in the right order, and errors of the ratios."""
    found: dict[str, Any] = {}
    for way in ("together", "alone"):
        found[way] = {}
        for scope in SCOPES:
            ratios = [ratios_of(run[way])[scope] for run in runs]
            wrong = [wrong_pairs(own, true[scope]) for own in ratios]
            errors = [abs(own[name] / at - 1) for own in ratios for name, at in true[scope].items() if name != ORIGINAL]
            found[way][scope] = {
                "runs": len(runs),
                "right": sum(not pairs for pairs in wrong),
                "pairs": len(runs) * len(apart(true[scope])),
                "pairs_right": len(runs) * len(apart(true[scope])) - sum(map(len, wrong)),
                "median_error": statistics.median(errors),
                "largest_error": max(errors),
            }
    for scope in SCOPES:
        known = [
            (one, true[scope][name])
            for run in runs
            for name, one in run["together"][scope].items()
            if one["low"] is not None
        ]
        inside = sum(one["low"] <= at <= one["high"] for one, at in known)
        found["together"][scope] |= {"intervals": len(known), "intervals_that_hold_the_truth": inside}
        kept = [one for run in runs for one in run["alone"][scope].values()]
        found["alone"][scope] |= {"rows": len(kept), "valid": sum(one["verdict"] == "VALID" for one in kept)}
    return found


def markdown(content: dict[str, Any]) -> str:
    lines = [
        "| scope | way | order right | pairs right | median error of a ratio | largest |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for scope in SCOPES:
        for way, words in (("together", "in rounds"), ("alone", "one after the other")):
            one = content["summary"][way][scope]
            lines.append(
                f"| {scope} | {words} | {one['right']} of {one['runs']} | {one['pairs_right']} of {one['pairs']} | "
                f"{one['median_error']:.1%} | {one['largest_error']:.1%} |"
            )
    lines += ["", "| model | true ratio, model | true ratio, pipeline |", "|---|---:|---:|"]
    for name, at in sorted(content["true"]["model"].items(), key=lambda entry: entry[1]):
        lines.append(f"| {name} | {at:.3f} | {content['true']['pipeline'][name]:.3f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="output folder of a finished study with engine ort")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--samples", type=int, default=120, help="most calls of each model and scope, in both ways")
    parser.add_argument("--seconds", type=float, default=6.0, help="most seconds of each model and scope, in both ways")
    parser.add_argument("--true-rounds", type=int, default=200)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()

    models, batches = models_of(options.out), images_of(options.out)
    content: dict[str, Any] = {
        "command": f"python bench/busy_rows.py OUT --runs {options.runs} --samples {options.samples} "
        f"--seconds {options.seconds:g} --true-rounds {options.true_rounds}",
        "environment": environment(),
        "load": {"burst_s": BURST_S, "pause_s": PAUSE_S, "cores": 1},
        "load_average_before": os.getloadavg(),
    }
    long = [together(models, batches, RoundsRule(options.true_rounds, math.inf))]
    content |= {"load_average_after_first": os.getloadavg(), "runs": []}

    def write() -> None:
        content["long"] = pooled(long)
        content["true"] = true = ratios_of(content["long"])
        if content["runs"]:
            content["summary"] = summary(content["runs"], true)
            if options.markdown:
                options.markdown.write_text(markdown(content))
        options.json.write_text(json.dumps(content, indent=1) + "\n")
        print({scope: {name: round(at, 3) for name, at in own.items()} for scope, own in true.items()}, flush=True)

    write()
    alone = StoppingRule(options.samples, options.seconds)
    rule = RoundsRule(math.ceil(options.samples / CALLS), options.seconds)
    for seed in range(options.runs):
        run: dict[str, Any] = {"seed": seed}
        ways = {
            "together": lambda: pooled([together(models, batches, rule)]),
            "alone": lambda: alone_way(models, batches, alone),
        }
        with load(seed):
            for way in sorted(ways, reverse=bool(seed % 2)):
                began = time.monotonic()
                run[way] = ways[way]()
                run[f"{way}_wall_s"] = time.monotonic() - began
        run["load_average"] = os.getloadavg()
        content["runs"].append(run)
        write()
        print(seed, {way: round(run[f"{way}_wall_s"], 1) for way in ways}, os.getloadavg(), flush=True)
    content["load_average_before_last"] = os.getloadavg()
    long.append(together(models, batches, RoundsRule(options.true_rounds, math.inf)))
    content["load_average_after"] = os.getloadavg()
    write()


if __name__ == "__main__":
    main()
