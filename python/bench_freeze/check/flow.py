"""The check from files to an outcome: read, pair, judge, and measure again where asked to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .finding import Outcome, outcome_of
from .judge import judge
from .limits import CheckRules
from .pairing import pair_rows
from .read import read_side
from .rerun import Rerun, confirm

TIMED = ("latency_model", "latency_pipeline", "energy")


def check(
    current: Path,
    baseline: Path,
    rules: CheckRules,
    *,
    rerun: Rerun | None = None,
    ignore_unmatched: bool = False,
    threads: int = 1,
    note: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Check one run against another; raises InputError (status 2) and MeasurementError (status 3)."""
    sides = read_side(baseline), read_side(current)
    timed = any(rules.names(metric) for metric in TIMED)
    pairing = pair_rows(*sides, timed=timed, ignore_unmatched=ignore_unmatched)
    findings, notes = judge(pairing, rules, *sides, threads)
    if rerun is not None:
        findings = confirm(findings, pairing, rules, *sides, rerun, note)
    return outcome_of(findings, notes, str(current), str(baseline))
