"""Does the check cry wolf, and does it see one? Simulated checks of A against A, and against a slower or worse A.

    python bench/check_simulation.py --json FILE --markdown FILE [OUT/results.json]

Latency needs nothing but the committed results. With the results of a study (original and grafted models of it, fp32
and int8; its match file beside it) accuracy is simulated too. One core; about ten minutes.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
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
from bench_freeze.check.limit import parse_limit
from bench_freeze.environment import environment
from bench_freeze.measure.stats import LatencyStats
from bench_freeze.measure.verdict import judge
from bench_freeze.results.identity import RowKey

RESULTS = Path(__file__).parent / "results"
ROWS, SCOPES = 10, 2  # three depths in three constructions, and the original
OTHER_TESTS = 57  # accuracy of a study of that size: they share the 2 %
SLOWDOWN = 1.10  # twice the default limit of 5 %
CASES = {"nothing": 0, "one row": SCOPES, "all rows": ROWS * SCOPES}  # latencies that are slower
NO_ROW = RowKey(None, None, None, None, None, "ort", "fp32", "branched", 640, 1, "cpu")  # findings of no real row
BLANK = Finding("latency_model", "row", NO_ROW, "latency", "s", "PASS", "")


def simulate_latency(kind: str, checks: int, seed: int, jobs: int) -> dict[str, Any]:
    """Share of checks with an alarm, by rule: nothing changed, one row slower, all rows slower."""
    with ProcessPoolExecutor(jobs) as pool:
        found = list(pool.map(one_check, [kind] * checks, [seed] * checks, range(checks)))
    alarms = {case: Counter(name for check in found for name in check["alarms"][case]) for case in CASES}
    latencies = checks * ROWS * SCOPES
    return {
        "checks": checks,
        "rows": ROWS,
        "scopes": SCOPES,
        "mean_samples": sum(check["samples"] for check in found) / (2 * latencies),
        "latencies_not_valid": sum(check["not_valid"] for check in found) / latencies,
        "alarms": {case: {name: n / checks for name, n in sorted(names.items())} for case, names in alarms.items()},
    }


def one_check(kind: str, seed: int, number: int) -> dict[str, Any]:
    """One simulated check, the same whichever process makes it: the rules that raise an alarm in each case."""
    generator = np.random.default_rng([seed, number])
    recorded = recorded_traces(RESULTS) if kind == "recorded" else []
    pairs = [recorded_pair(generator, recorded) if recorded else made_pair(generator) for _ in range(ROWS * SCOPES)]
    trusted = [all(_verdict(trace) == "VALID" for trace in runs) for runs in pairs]
    changes = [latency_change(*runs) for runs in pairs]
    alarms = {}
    for case, slowed in CASES.items():
        alarms[case] = [f"exit {_exit_code(changes, trusted, slowed)}"]
        for name, rule in OTHERS.items():
            if any(rule(a, b * (SLOWDOWN if i < slowed else 1)) for i, (a, b) in enumerate(pairs)):
                alarms[case].append(name)
    return {"alarms": alarms, "not_valid": trusted.count(False), "samples": sum(len(t) for runs in pairs for t in runs)}


def _verdict(trace: Trace) -> str:
    return judge(LatencyStats(tuple(trace.tolist()), "samples", 0), period=INPUTS).verdict


def _exit_code(changes: list[Change], trusted: list[bool], slowed: int) -> int:
    """What a check of these rows ends with; a latency whose run was not VALID is not compared."""
    limit = parse_limit("5%", "the default", "latency_model")
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
    parser.add_argument("--jobs", type=int, default=1, help="processes; the numbers do not depend on it")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parsed = parser.parse_args()
    traces = len(recorded_traces(RESULTS))
    kept = {
        "latency": {
            "made traces": simulate_latency("made", parsed.checks, 1, parsed.jobs),
            f"{traces} recorded traces": simulate_latency("recorded", parsed.checks, 2, parsed.jobs),
        },
        "accuracy": simulate_accuracy(parsed.results, parsed.checks, parsed.jobs) if parsed.results else None,
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
