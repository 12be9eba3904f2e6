"""What the measuring harness itself adds: scripted durations in the replay engine, and the sampler on an empty call.

    python bench/harness_overhead.py [--json bench/results/harness_overhead.json]

Part one: the replay engine spends 50 us to 50 ms in a busy wait on the real clock; the measured median must be within
0.5 % or 2 us of that, whichever is larger. It also prints the share of single samples within this limit, and what the
harness added to them: the reported duration minus the time that truly passed in the wait. Run it on a quiet machine: if
other processes interrupt most waits, this part fails because of them.

Part two: the sampler on an empty call, as this thread's processor time per sample (the difference between a long and a
short run, so that warm-up cancels) and as the duration that it reports; both must stay below 1 us.

The exit status is 1 if a limit is exceeded.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench_freeze.engines.base import Head, ModelCard
from bench_freeze.engines.replay_engine import ReplayEngine, busy_wait
from bench_freeze.environment import environment
from bench_freeze.measure.clock import HostClock
from bench_freeze.measure.percentiles import nearest_rank
from bench_freeze.measure.sampler import sample_latency
from bench_freeze.measure.stopping import Criterion, StoppingRule

SCRIPTED_S = (50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3)
RELATIVE, ABSOLUTE_S = 0.005, 2e-6
SAMPLES, SECONDS = 300, 4.0
SAMPLER_LIMIT_S = 1e-6
SHORT, LONG, REPEATS = 50_000, 250_000, 5
NEVER = 10**9


def scripted(duration_s: float) -> dict[str, float | int | bool]:
    card = ModelCard((Head("base", ("a",), "raw"),), 32, 1, None)
    images = np.zeros((1, 3, 32, 32), np.float32)
    passed: list[float] = []

    def spend(seconds: float) -> None:
        start = time.perf_counter_ns()
        busy_wait(seconds)
        passed.append((time.perf_counter_ns() - start) * 1e-9)

    engine = ReplayEngine(card, [{"base": np.zeros((1, 5, 4), np.float32)}], [duration_s], spend)
    rule = StoppingRule(SAMPLES, SECONDS, min_samples=NEVER)
    stats = sample_latency(lambda i: engine.infer(images), HostClock(), rule)
    limit = max(RELATIVE * duration_s, ABSOLUTE_S)
    median = stats.percentile_s(50) or 0.0
    within = sum(abs(s - duration_s) <= limit for s in stats.samples_s) / stats.n
    added = [reported - own for reported, own in zip(stats.samples_s, passed[stats.warmup_calls :], strict=True)]
    return {
        "scripted_s": duration_s,
        "n": stats.n,
        "p50_s": median,
        "error_s": median - duration_s,
        "limit_s": limit,
        "samples_within": within,
        "added_p50_s": nearest_rank(added, 50),
        "added_p90_s": nearest_rank(added, 90),
        "ok": abs(median - duration_s) <= limit,
    }


def nothing(i: int) -> None:
    """An empty call."""


def sampler(criterion: Criterion) -> dict[str, float | str | bool]:
    clock = HostClock()
    costs, reported = [], []
    for _ in range(REPEATS):
        spent = []
        for samples in (SHORT, LONG):
            rule = StoppingRule(samples, 60.0, min_samples=NEVER, criterion=criterion)
            began = time.thread_time()
            stats = sample_latency(nothing, clock, rule)
            spent.append(time.thread_time() - began)
            reported.append(stats.percentile_s(50) or 0.0)
        costs.append((spent[1] - spent[0]) / (LONG - SHORT))
    cost, inside = statistics.median(costs), statistics.median(reported)
    ok = max(cost, inside) < SAMPLER_LIMIT_S
    return {"criterion": criterion, "per_sample_s": cost, "reported_s": inside, "ok": ok}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    durations: list[dict[str, Any]] = []
    found: dict[str, Any]
    for duration_s in SCRIPTED_S:
        found = scripted(duration_s)
        durations.append(found)
        print(
            f"{duration_s * 1e6:8.0f} us  p50 {found['error_s'] * 1e6:+7.3f} us (limit {found['limit_s'] * 1e6:6.1f})  "
            f"{found['samples_within']:6.1%} of {found['n']} samples within, harness added "
            f"{found['added_p50_s'] * 1e6:.3f} us (p90 {found['added_p90_s'] * 1e6:.3f})  "
            f"{'ok' if found['ok'] else 'BROKEN'}"
        )
    samplers: list[dict[str, Any]] = [sampler("stdrel"), sampler("entropy")]
    for found in samplers:
        print(
            f"sampler, {found['criterion']:<8} {found['per_sample_s'] * 1e9:5.0f} ns a sample, of which "
            f"{found['reported_s'] * 1e9:4.0f} ns are in the duration  {'ok' if found['ok'] else 'BROKEN'}"
        )
    if options.json:
        content = {"environment": environment(), "durations": durations, "samplers": samplers}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    return 0 if all(found["ok"] for found in (*durations, *samplers)) else 1


if __name__ == "__main__":
    sys.exit(main())
