"""The check from files to an outcome: read, pair, examine, time side by side until decided, judge."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from .accuracy_rules import AccuracyRules
from .finding import Finding, Outcome, outcome_of
from .judge import TAIL, Test, alpha_of_each, decide, examine
from .latency_rules import LatencyRules
from .limits import CheckRules
from .pairing import RowPair, pair_rows
from .read import CheckedRun, read_side
from .rounds import Budget, RoundSource, add_rounds

TIMED = ("latency_model", "latency_pipeline")
MAX_MINUTES = 10.0

OpenSource = Callable[[CheckedRun, CheckedRun], AbstractContextManager[RoundSource]]


def check(
    current: Path,
    baseline: Path,
    rules: CheckRules,
    *,
    source: OpenSource | None = None,
    max_minutes: float = MAX_MINUTES,
    ignore_unmatched: bool = False,
    threads: int = 1,
    note: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Check one run against another. `source` opens the timer of both runs' models.

    Raises InputError (status 2) and MeasurementError (status 3).
    """
    sides = read_side(baseline), read_side(current)
    opened: AbstractContextManager[RoundSource | None] = nullcontext() if source is None else source(*sides)
    with opened as rounds:
        latency = LatencyRules(*sides, rounds)

        def needs_same_machine(pair: RowPair) -> bool:
            """Whether any recorded measurement is compared."""
            has_energy = bool(pair.reference.energy_j and pair.current.energy_j) and rules.names("energy")
            return has_energy or (any(rules.names(metric) for metric in TIMED) and not latency.is_fresh(pair))

        pairing = pair_rows(*sides, needs_same_machine, ignore_unmatched=ignore_unmatched)
        made, notes = examine(pairing, rules, AccuracyRules(*sides, rules, threads, pairing.pairs), latency)
        if rounds is not None and latency.rounds:
            pairs = {pair.current.key: pair for pair in pairing.pairs}
            budget = budget_of(made, max_minutes)
            for key, why in add_rounds(latency.rounds, pairs, rounds, budget, note).items():
                latency.rounds[key].failure = why
    return outcome_of(decide(made), notes, str(current), str(baseline))


def budget_of(made: list[Finding | Test], max_minutes: float, now_s: Callable[[], float] = time.monotonic) -> Budget:
    """The time limit and error rates for adding rounds to these tests; `now_s` is the current time."""
    return Budget(max_minutes, alpha_of_each(made), TAIL, now_s)
