"""Does the check cry wolf, and does it see one? Simulated checks of A against A, and against a slower or worse A.

    python bench/check_simulation.py --json FILE --markdown FILE [OUT/results.json]

Latency needs nothing but the committed results. With the results of a study (original and grafted models of it, fp32
and int8; its match file beside it) accuracy is simulated too. One core; about ten minutes.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from check_accuracy import simulate_accuracy
from check_rules import OTHERS
from check_traces import INPUTS, Trace, made_pair, recorded_pair, recorded_traces

from bench_freeze.check.change import Change
from bench_freeze.check.finding import Finding, outcome_of
from bench_freeze.check.judge import Test, decide
from bench_freeze.check.latency_change import latency_change
from bench_freeze.check.limits import parse_limit
from bench_freeze.environment import environment
from bench_freeze.measure.stats import LatencyStats
from bench_freeze.measure.verdict import judge

RESULTS = Path(__file__).parent / "results"
ROWS, SCOPES = 10, 2  # three depths in three constructions, and the original
OTHER_TESTS = 57  # accuracy of a study of that size: they share the 2 %
SLOWDOWN = 1.10  # twice the default limit of 5 %
BLANK = Finding("latency_model", "row", (), "latency", "s", "PASS", "")


def simulate_latency(
    pair: Callable[[np.random.Generator], tuple[Trace, Trace]], checks: int, seed: int
) -> dict[str, Any]:
    """Share of checks with an alarm, by rule: nothing changed, one row slower, all rows slower."""
    alarms: dict[str, Counter[str]] = {case: Counter() for case in ("nothing", "one row", "all rows")}
    unreliable = sizes = 0
    for number in range(checks):
        generator = np.random.default_rng([seed, number])
        pairs = [pair(generator) for _ in range(ROWS * SCOPES)]
        trusted = [all(_verdict(trace) == "VALID" for trace in runs) for runs in pairs]
        changes = [latency_change(*runs) for runs in pairs]
        unreliable += sum(not ok for ok in trusted)
        sizes += sum(len(trace) for runs in pairs for trace in runs)
        for case, slowed in (("nothing", 0), ("one row", SCOPES), ("all rows", len(pairs))):
            alarms[case][f"exit {_exit_code(changes, trusted, slowed)}"] += 1
            for name, rule in OTHERS.items():
                hit = any(rule(a, b * (SLOWDOWN if i < slowed else 1)) for i, (a, b) in enumerate(pairs))
                alarms[case][name] += hit
    return {
        "checks": checks,
        "rows": ROWS,
        "scopes": SCOPES,
        "mean_samples": sizes / (2 * checks * ROWS * SCOPES),
        "latencies_not_valid": unreliable / (checks * ROWS * SCOPES),
        "alarms": {
            case: {name: count / checks for name, count in sorted(found.items())} for case, found in alarms.items()
        },
    }


def _verdict(trace: Trace) -> str:
    return judge(LatencyStats(tuple(trace.tolist()), "samples", 0), period=INPUTS).verdict


def _exit_code(changes: list[Change], trusted: list[bool], slowed: int) -> int:
    """What a check of these rows ends with; a latency whose run was not VALID is not compared."""
    limit = parse_limit("5%", "the default")
    assert limit is not None
    made: list[Finding | Test] = []
    for i, (change, ok) in enumerate(zip(changes, trusted, strict=True)):
        moved = replace(change, worse=change.worse + (math.log(SLOWDOWN) if i < slowed else 0.0))
        made.append(Test(BLANK, moved, limit) if ok else replace(BLANK, status="AMBIGUOUS"))
    nothing = Change(1.0, 1.0, 0.0, 1.0, 1e3)
    made += [Test(BLANK, nothing, limit)] * OTHER_TESTS
    return outcome_of(decide(made), (), "", "").exit_code


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("results", nargs="?", type=Path)
    parser.add_argument("--checks", type=int, default=500)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parsed = parser.parse_args()
    began = time.process_time()
    traces = recorded_traces(RESULTS)
    latency = {
        "made traces": simulate_latency(made_pair, parsed.checks, 1),
        f"{len(traces)} recorded traces": simulate_latency(lambda g: recorded_pair(g, traces), parsed.checks, 2),
    }
    accuracy = simulate_accuracy(parsed.results, parsed.checks) if parsed.results else None
    kept = {
        "latency": latency,
        "accuracy": accuracy,
        "seconds": time.process_time() - began,
        "slowdown": SLOWDOWN,
        "environment": environment(),
    }
    text = table(kept)
    print(text)
    if parsed.json:
        parsed.json.write_text(json.dumps(kept, indent=1) + "\n")
    if parsed.markdown:
        parsed.markdown.write_text(text + "\n")


def table(kept: dict[str, Any]) -> str:
    """Markdown of both parts."""
    lines = [
        "| traces | rule | alarm, nothing changed | alarm, one row 10 % slower | alarm, all rows 10 % slower |",
        "|---|---|---:|---:|---:|",
    ]
    for name, part in kept["latency"].items():
        title = f"{name}, {part['checks']} checks of {part['rows']} rows"
        for rule in ("exit 1", *OTHERS):
            cells = [f"{part['alarms'][case].get(rule, 0):.1%}" for case in ("nothing", "one row", "all rows")]
            shown = "bench-freeze check" if rule == "exit 1" else rule
            lines.append(f"| {title} | {shown} | {' | '.join(cells)} |")
            title = ""
        silent = [f"{part['alarms'][case].get('exit 3', 0):.1%}" for case in ("nothing", "one row", "all rows")]
        lines.append(f"| | bench-freeze check: no verdict (exit 3) | {' | '.join(silent)} |")
    if kept["accuracy"] is not None:
        lines += ["", *kept["accuracy"]["table"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
