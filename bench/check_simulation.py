"""False alarms, power and decisions of the regression check, in simulated checks of ten rows in two scopes.

    python bench/check_simulation.py --json FILE --markdown FILE [--checks 200] [--apart 200] [OUT/results.json]

Either nothing changed, or one row of ten is 10 % slower in both scopes; the limit is 5 %. "Side by side" uses the real
`Rounds` on a clock that the noise moves, with the real rule and its real stopping. "Hours apart" compares a run of 200
samples per latency with K runs of a baseline; this project's earlier rule and the usual rules judge two such runs.
Given the results of a study (with its match file in the same folder), accuracy is simulated, too.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from check_accuracy import simulate_accuracy
from check_noise import Machine, Noise, noises
from check_rules import OTHERS, before

from bench_freeze.check.change import Change
from bench_freeze.check.finding import Finding, outcome_of
from bench_freeze.check.flow import budget_of
from bench_freeze.check.judge import Test, decide
from bench_freeze.check.latency_change import change_between_runs, run_noise
from bench_freeze.check.limit import Limit
from bench_freeze.check.rounds import Asked, Key, Timed, add_rounds
from bench_freeze.check.side_by_side import SideBySide
from bench_freeze.environment import environment
from bench_freeze.measure.clock import FakeClock
from bench_freeze.measure.rounds import Rounds
from bench_freeze.results.identity import RowKey

RESULTS = Path(__file__).parent / "results"
ROWS, SCOPES = 10, ("model", "pipeline")
LATENCIES = ROWS * len(SCOPES)
OTHER_TESTS = 57  # accuracy tests of a study of that size, which share the 2 %
SLOWDOWN = 1.10  # twice the default limit of 5 %
CALL_S = 0.02
SAMPLES = 200  # per latency of a run, hours apart
PAIRS = 3  # mirrored pairs of calls in a simulated round
WARM_UP = 12  # calls of both sides before the timed ones
PROCESS_S = 1.2  # to start a process and open two models, on a quiet core
BASELINES = (1, 3, 5, 10, 18, 25)
LIMIT = Limit(0.05, is_share=True, text="5%")
CASES = {"nothing": 0, "one row": len(SCOPES)}  # number of slower latencies
NO_ROW = RowKey(None, None, None, None, None, "ort", "fp32", "plain", 320, 1, "cpu")  # a made-up row for findings
BLANK = Finding("latency_model", "row", NO_ROW, "", "s", "PASS", "")
PASS = 20
SLOW_RULE = 20  # unchanged checks that `before` judges: its bootstrap takes most of the time
OTHERS_MADE = [Test(BLANK, Change(1.0, 1.0, 0.0, 1.0, 1e3), LIMIT)] * OTHER_TESTS


class SimulatedRounds:
    """A source of rounds on one machine as time passes: each round is a process whose models have their own levels."""

    label, only_doubtful = "side by side", False

    def __init__(self, noise: Noise, slowed: int, generator: np.random.Generator, clock: FakeClock) -> None:
        self._noise, self._slowed, self._generator, self._clock = noise, slowed, generator, clock
        self._machine = Machine(noise, generator)

    def can_time(self, pair: object) -> bool:
        return True

    def round(self, asked: Sequence[Asked]) -> Mapping[Key, Timed | str]:
        """Time all undecided latencies in one process; here, `pair` is the number of a row."""
        self._clock.advance(PROCESS_S)
        found: dict[Key, Timed | str] = {}
        shared = self._noise.level(self._generator, (1,))
        for wanted in asked:
            for scope in wanted.scopes:
                number = len(SCOPES) * wanted.pair + SCOPES.index(scope)  # type: ignore[operator]
                levels = shared.repeat(2) if self._noise.is_shared else self._noise.level(self._generator, (2,))
                found[wanted.pair, scope] = self._time(levels, SLOWDOWN if number < self._slowed else 1.0)  # type: ignore[index]
        return found

    def _time(self, levels: np.ndarray, slower: float) -> Timed:
        logs = iter(self._machine.next(WARM_UP + 4 * PAIRS).tolist())
        for _ in range(WARM_UP):
            self._clock.advance(CALL_S * math.exp(next(logs)))

        def takes(seconds: float, level: float) -> Any:
            return lambda number: self._clock.advance(seconds * math.exp(level + next(logs)))

        calls = {"baseline": takes(CALL_S, levels[0]), "current": takes(CALL_S * slower, levels[1])}
        rounds = Rounds(calls, self._clock, pairs=PAIRS, seed=int(self._generator.integers(2**32)))
        rounds.run(1)
        return rounds.finished[0].level_s("baseline"), rounds.finished[0].level_s("current")


def side_by_side(name: str, seed: int, case: str) -> dict[str, Any]:
    """Simulate one check; its exit status, its rounds, and the minutes that they take."""
    clock, generator = FakeClock(), np.random.default_rng([seed, CASES[case]])
    source = SimulatedRounds(noises(RESULTS)[name], CASES[case], generator, clock)
    changes: dict[Any, SideBySide] = {(row, scope): SideBySide(LIMIT) for row in range(ROWS) for scope in SCOPES}
    made: list[Finding | Test] = [*(Test(BLANK, change, LIMIT) for change in changes.values()), *OTHERS_MADE]
    budget = budget_of(made, 10.0, clock.now_s)
    add_rounds(changes, {row: row for row in range(ROWS)}, source, budget, lambda text: None)  # type: ignore[misc]
    findings = decide(made)
    right = all(f.status == "REGRESSION" for f in findings[: CASES[case]])
    wrong = any(f.status == "REGRESSION" for f in findings[CASES[case] : LATENCIES])
    rounds = [len(change.rounds) for change in changes.values()]
    return {
        "exit": int(outcome_of(findings, (), "", "").exit_code),
        "proven": right,
        "wrong": wrong,
        "decided": sum(f.status != "AMBIGUOUS" for f in findings[:LATENCIES]) / LATENCIES,
        "rounds": sum(rounds) / len(rounds),
        "most_rounds": max(rounds),
        "minutes": clock.now_s() / 60,
    }


def hours_apart(name: str, seed: int, case: str) -> dict[str, Any]:
    """Simulate one check by the number of runs in the baseline, and the judgement of the other rules."""
    noise, generator = noises(RESULTS)[name], np.random.default_rng([seed, 100 + CASES[case]])
    runs = [_run(noise, generator) for _ in range(max(BASELINES) + 1)]
    current = runs[0] * np.where(np.arange(LATENCIES) < CASES[case], SLOWDOWN, 1.0)[:, None]
    medians = [np.median(run, axis=1) for run in runs[1:]]
    exits = {}
    for count in BASELINES:
        found = run_noise(np.log(np.stack(medians[:count])))
        levels = np.stack(medians[:count], axis=1)
        made = [
            Test(BLANK, change_between_runs(levels[i].tolist(), float(np.median(current[i])), found), LIMIT)
            for i in range(LATENCIES)
        ]
        exits[str(count)] = int(outcome_of(decide([*made, *OTHERS_MADE]), (), "", "").exit_code)
    pairs = list(zip(runs[1], current, strict=True))
    alarms = [rule for rule, is_alarm in OTHERS.items() if any(is_alarm(a, b) for a, b in pairs)]
    if case == "nothing" and seed < SLOW_RULE and before(pairs, OTHER_TESTS):
        alarms.append("before")
    return {"exits": exits, "alarms": alarms}


def _run(noise: Noise, generator: np.random.Generator) -> np.ndarray:
    """Seconds [latencies, samples] of one run; each latency starts the machine's noise again."""
    shape = (1,) if noise.is_shared else (LATENCIES,)
    levels = np.broadcast_to(noise.level(generator, shape), (LATENCIES,))
    logs = [Machine(noise, generator).next(SAMPLES) for _ in range(LATENCIES)]
    return np.asarray(CALL_S * np.exp(np.stack(logs) + levels[:, None]))


def summary(taken: Mapping[str, list[dict[str, Any]]], apart: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Outcomes of all checks under one kind of noise, as shares by case."""
    found: dict[str, Any] = {}
    for case in CASES:
        checks = len(taken[case])
        alarms = Counter(rule for check in apart[case] for rule in check["alarms"])
        found[case] = {
            "side by side": {
                **_exits(check["exit"] for check in taken[case]),
                "proven": sum(check["proven"] for check in taken[case]) / checks,
                "false alarm": sum(check["wrong"] for check in taken[case]) / checks,
                "latencies decided": sum(check["decided"] for check in taken[case]) / checks,
                "rounds of a latency": sum(check["rounds"] for check in taken[case]) / checks,
                "minutes": _quantiles([check["minutes"] for check in taken[case]]),
            },
            "hours apart": {str(k): _exits(check["exits"][str(k)] for check in apart[case]) for k in BASELINES},
            "alarms of other rules": {
                "before": alarms["before"] / min(len(apart[case]), SLOW_RULE),
                **{rule: alarms[rule] / len(apart[case]) for rule in OTHERS},
            },
        }
    return found


def _exits(statuses: Any) -> dict[str, float]:
    counted = Counter(statuses)
    total = sum(counted.values())
    return {f"exit {status}": counted[status] / total for status in (0, 1, 3)}


def _quantiles(values: list[float]) -> dict[str, float]:
    return {name: float(np.quantile(values, q)) for name, q in (("median", 0.5), ("90 %", 0.9))}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("results", nargs="?", type=Path)
    parser.add_argument("--checks", type=int, default=200)
    parser.add_argument("--apart", type=int, help="checks hours apart, which take longest (default: --checks)")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--markdown", type=Path, required=True)
    parsed = parser.parse_args()
    earlier = json.loads(parsed.json.read_text()) if parsed.json.is_file() else {}
    kept: dict[str, Any] = {"checks": 0, "slowdown": SLOWDOWN, "latency": {}, "environment": environment()}
    kept["accuracy"] = (
        simulate_accuracy(parsed.results, parsed.checks, 1) if parsed.results else earlier.get("accuracy")
    )
    names = list(noises(RESULTS))
    taken: dict[str, Any] = {name: {case: [] for case in CASES} for name in names}
    apart: dict[str, Any] = {name: {case: [] for case in CASES} for name in names}
    for first in range(0, parsed.checks, PASS):  # the files are complete after every pass
        for name in names:
            for case in CASES:
                for seed in range(first, min(first + PASS, parsed.checks)):
                    taken[name][case].append(side_by_side(name, seed, case))
                    if parsed.apart is None or seed < parsed.apart:
                        apart[name][case].append(hours_apart(name, seed, case))
        kept["checks"] = min(first + PASS, parsed.checks)
        kept["apart"] = len(apart[names[0]]["nothing"])
        kept["before"] = min(kept["apart"], SLOW_RULE)
        kept["latency"] = {name: summary(taken[name], apart[name]) for name in names}
        parsed.json.write_text(json.dumps(kept, indent=1) + "\n")
        parsed.markdown.write_text(table(kept) + "\n")
        print(kept["checks"], "checks", flush=True)
    print(table(kept))


def table(kept: dict[str, Any]) -> str:
    """All parts as Markdown."""
    lines = [
        f"{kept['checks']} checks of each kind, {ROWS} rows in two scopes. Side by side, at most ten minutes:",
        "",
        "| noise | false alarm | decided, nothing changed | one row 10 % slower: proven | minutes (90 %) |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, part in kept["latency"].items():
        quiet, slow = part["nothing"]["side by side"], part["one row"]["side by side"]
        minutes = max(quiet["minutes"]["90 %"], slow["minutes"]["90 %"])
        false = max(quiet["exit 1"], slow["false alarm"])
        lines.append(f"| {name} | {false:.1%} | {1 - quiet['exit 3']:.1%} | {slow['proven']:.1%} | {minutes:.1f} |")
    heads = [f"K = {k}" for k in BASELINES]
    rules = ("before", *OTHERS)
    lines += [
        "",
        f"Hours apart, {kept['apart']} checks, K runs; false alarm / one row slower proven / no verdict of no change:",
    ]
    lines += ["", f"| noise | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for name, part in kept["latency"].items():
        quiet, slow = part["nothing"]["hours apart"], part["one row"]["hours apart"]
        cells = [
            f"{quiet[str(k)]['exit 1']:.2f} / {slow[str(k)]['exit 1']:.2f} / {quiet[str(k)]['exit 3']:.2f}"
            for k in BASELINES
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        f"Other rules on two runs hours apart, {kept['apart']} checks; false alarm / one row 10 % slower seen:",
    ]
    lines += ["", f"| noise | {' | '.join(rules)} |", "|---|" + "---:|" * len(rules)]
    for name, part in kept["latency"].items():
        quiet, slow = part["nothing"]["alarms of other rules"], part["one row"]["alarms of other rules"]
        cells = [f"{quiet[r]:.2f}" + ("" if r == "before" else f" / {slow[r]:.2f}") for r in rules]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    if kept["accuracy"] is not None:
        lines += ["", *kept["accuracy"]["table"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
