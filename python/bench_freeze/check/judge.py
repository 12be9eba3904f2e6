"""From paired rows to findings: apply every rule to every row, and judge all statistical tests of a check together.

A regression must be proven: the change is beyond its limit, and not by chance among all comparisons. Latencies timed
side by side are tested against their limit, by a p-value that is valid at every look (side_by_side.py). For a
comparison with recorded values, the lower 95 % bound must be beyond the limit, and the p-value tests "nothing changed".
The p-values of all rows and metrics are adjusted by Holm and must be below 2 %. So of 100 checks without any change, at
most two raise a false alarm of any kind, for any number of rows. bench/check_simulation.py counts them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from ..stats.multiple import holm
from .accuracy_rules import AccuracyRules
from .change import Change
from .finding import Finding
from .latency_rules import LatencyRules
from .limits import CheckRules, Limit
from .measured import Test as Test
from .metric import METRICS
from .pairing import Pairing, RowPair
from .remedy import with_remedy
from .side_by_side import SideBySide
from .words import sentence

ALPHA = 0.02  # of any false alarm in a check
TAIL = 0.05  # of the lower bound: 95 % confidence, one-sided
UNITS = {"latency": "s", "map": "AP", "map50": "AP", "class": "AP", "size": "bytes", "energy": "J"}


def examine(
    pairing: Pairing, rules: CheckRules, accuracy: AccuracyRules, latency: LatencyRules
) -> tuple[list[Finding | Test], list[str]]:
    """Findings and tests, ordered by row and metric, and notes on what was not compared.

    Raises InputError if a match file is missing, damaged, or belongs to other data.
    """
    made: list[Finding | Test] = [
        Finding("row", u.row.title, u.row.key, "row", "", "REFUSED", f"{u.row.title}: {u.sentence}")
        for u in pairing.unpaired
    ]
    notes: list[str] = []
    for pair in pairing.pairs:
        for metric, limit in rules.of(pair.current).items():
            made += _examine(metric, limit, pair, rules, accuracy, latency, notes)
    return made, notes


def alpha_of_each(made: list[Finding | Test]) -> float:
    """The bound of a p-value that is below ALPHA after Holm's adjustment, whatever the others are."""
    return ALPHA / max(1, sum(isinstance(entry, Test) and entry.change.is_tested for entry in made))


def decide(made: list[Finding | Test]) -> list[Finding]:
    """Judge all tests together; findings without a test are unchanged. Each finding gets a remedy."""
    return [with_remedy(finding) for finding in _decide_all(made)]


def _decide_all(made: list[Finding | Test]) -> list[Finding]:
    tests = [entry for entry in made if isinstance(entry, Test) and entry.change.is_tested]
    adjusted = iter(map(float, holm([test.change.p_value() for test in tests])))
    return [_decided(entry, adjusted) if isinstance(entry, Test) else entry for entry in made]


def _decided(test: Test, adjusted: Iterator[float]) -> Finding:
    if test.change.silence is not None:
        return _untested(test)
    return _judged(test, next(adjusted) if test.change.is_tested else None)


def _untested(test: Test) -> Finding:
    """A change without an interval: it may be within its limit, but is never proven to be beyond."""
    change, allowed = test.change, test.allowed
    unit = _unit(change)
    finding = dataclasses.replace(
        test.finding,
        status="AMBIGUOUS" if change.estimate > allowed else "PASS",
        reference=change.reference,
        current=change.current,
        change=change.estimate * unit,
        limit=allowed * unit,
    )
    text = sentence(finding).removesuffix(".")
    return dataclasses.replace(finding, sentence=f"{text}; no interval and no test: {change.silence}.")


def _unit(change: Change | SideBySide) -> float:
    """The factor that converts a change to the metric's unit; for a ratio, the reference."""
    return abs(change.reference) if change.is_ratio else 1.0


def _judged(test: Test, p_value: float | None) -> Finding:
    change = test.change
    if not change.is_defined:
        reason = change.failure if isinstance(change, SideBySide) else None
        reason = reason or "there is nothing to measure it on"
        text = f"{test.finding.row}: {test.finding.metric} is not defined: {reason}."
        return dataclasses.replace(test.finding, status="INVALID", sentence=text)
    allowed = test.allowed
    low, high = change.bounds(TAIL)
    unit = _unit(change)
    finding = dataclasses.replace(
        test.finding,
        status=change.status(allowed, p_value, ALPHA, TAIL),
        reference=change.reference,
        current=change.current,
        change=change.estimate * unit,
        low=low * unit if math.isfinite(low) else None,
        high=high * unit if math.isfinite(high) else None,
        limit=allowed * unit,
        p_value=p_value,
        basis=change.basis,
        rounds=tuple(change.rounds) if isinstance(change, SideBySide) else (),
    )
    text = sentence(finding)
    if change.basis:
        text = f"{text.removesuffix('.')} ({change.basis})."
    why = change.failure if isinstance(change, SideBySide) else change.unproven
    if finding.status == "AMBIGUOUS" and why:
        text = f"{text.removesuffix('.')}; {why}."
    more = "" if isinstance(change, SideBySide) else change.to_decide(allowed, TAIL)
    if finding.status == "AMBIGUOUS" and more:
        text = f"{text.removesuffix('.')}; {more}."
    return dataclasses.replace(finding, sentence=text)


def _examine(
    metric: str,
    limit: Limit,
    pair: RowPair,
    rules: CheckRules,
    accuracy: AccuracyRules,
    latency: LatencyRules,
    notes: list[str],
) -> Iterator[Finding | Test]:
    """The findings of one metric of one row: one, or one per class."""
    subject, kind = METRICS[metric].subject, METRICS[metric].kind
    is_asked = rules.is_asked(metric, pair.current)
    if subject == "latency":
        yield from latency.examine(kind, _blank(metric, limit, pair, "s"), limit, pair, is_asked, notes)
    elif metric == "size":
        yield _size(_blank(metric, limit, pair, "bytes"), limit, pair)
    elif metric == "energy":
        yield from latency.energy(_blank(metric, limit, pair, "J"), limit, pair, is_asked, notes)
    else:
        blank = _blank(metric, limit, pair, UNITS.get(kind, ""))
        yield from accuracy.examine(subject, kind, blank, limit, pair, notes)


def _blank(metric: str, limit: Limit, pair: RowPair, unit: str) -> Finding:
    row = pair.current
    return Finding(metric, row.title, row.key, METRICS[metric].words, unit, "PASS", "", limit_text=str(limit))


def _size(blank: Finding, limit: Limit, pair: RowPair) -> Finding:
    """Compare file sizes, which are exact and need no test."""
    reference, current = pair.reference.size_bytes, pair.current.size_bytes
    change, allowed = current - reference, limit.absolute(reference)
    finding = dataclasses.replace(
        blank,
        status="REGRESSION" if change > allowed else "PASS",
        reference=reference,
        current=current,
        change=change,
        low=change,
        high=change,
        limit=allowed,
    )
    return dataclasses.replace(finding, sentence=sentence(finding))
