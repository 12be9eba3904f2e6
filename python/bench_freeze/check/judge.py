"""From paired rows to findings: every rule on every row, all statistical tests of a check judged together.

Two conditions make an alarm. The change lies beyond its limit with 95 % confidence (one-sided), and it is no accident:
its p-value against "nothing changed", adjusted by Holm over every test of every row and metric, is below 2 %. So a
check of A against A should raise a false alarm of any kind in at most 2 of 100, however many rows it has;
bench/check_simulation.py counts them.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator, Mapping

from ..measure.stats import LatencyStats
from ..measure.verdict import judge as judge_samples
from ..stats.level import MIN_SAMPLES, level_of_few
from ..stats.multiple import holm
from . import latency_change
from .accuracy_rules import AccuracyRules
from .finding import Finding, Status
from .limits import CheckRules, Limit
from .measured import Test as Test
from .metric import METRICS
from .pairing import Pairing, RowPair
from .read import CheckedRun
from .snapshot import Sampled
from .words import sentence

ALPHA = 0.02  # of any false alarm in a check
TAIL = 0.05  # of the lower bound: 95 % confidence, one-sided
UNITS = {"latency": "s", "map": "AP", "map50": "AP", "class": "AP", "size": "bytes", "energy": "J"}


def judge(
    pairing: Pairing, rules: CheckRules, baseline: CheckedRun, current: CheckedRun, threads: int = 1
) -> tuple[list[Finding], list[str]]:
    """Findings in the order of rows and metrics, and notes on what was not compared.

    Raises InputError where a match file is missing or damaged, or belongs to other data.
    """
    accuracy = AccuracyRules(baseline, current, rules, threads, pairing.pairs)
    made: list[Finding | Test] = [
        Finding("row", u.row.title, u.row.key, "row", "", "REFUSED", f"{u.row.title}: {u.sentence}")
        for u in pairing.unpaired
    ]
    notes: list[str] = []
    for pair in pairing.pairs:
        for metric, limit in rules.of(pair.current).items():
            made += _examine(metric, limit, pair, rules, accuracy, notes)
    return decide(made), notes


def decide(made: list[Finding | Test]) -> list[Finding]:
    """Judge all tests together; findings that need none stay as they are."""
    tests = [entry for entry in made if isinstance(entry, Test) and entry.change.silence is None]
    adjusted = iter(map(float, holm([test.change.p_value() for test in tests])))
    return [_decided(entry, adjusted) if isinstance(entry, Test) else entry for entry in made]


def _decided(test: Test, adjusted: Iterator[float]) -> Finding:
    return _judged(test, next(adjusted)) if test.change.silence is None else _untested(test)


def _untested(test: Test) -> Finding:
    """A change that has no interval: it may stay within its limit, and is never proven to be beyond."""
    change, allowed = test.change, test.allowed
    finding = dataclasses.replace(
        test.finding,
        status="AMBIGUOUS" if change.estimate > allowed else "PASS",
        reference=change.reference,
        current=change.current,
        change=change.estimate,
        limit=allowed,
    )
    text = sentence(finding).removesuffix(".")
    return dataclasses.replace(finding, sentence=f"{text}; no interval and no test: {change.silence}.")


def _judged(test: Test, p_value: float) -> Finding:
    change, allowed = test.change, test.allowed
    if not change.is_defined:
        text = f"{test.finding.row}: {test.finding.metric} is not defined: there is nothing to measure it on."
        return dataclasses.replace(test.finding, status="INVALID", sentence=text)
    low, high = change.bounds(TAIL)
    status: Status = "PASS"
    if change.estimate > allowed:
        status = "REGRESSION" if low > allowed and p_value < ALPHA else "AMBIGUOUS"
    unit = abs(change.reference) if change.is_ratio else 1.0  # a ratio's change in the metric's own unit
    finding = dataclasses.replace(
        test.finding,
        status=status,
        reference=change.reference,
        current=change.current,
        change=change.estimate * unit,
        low=low * unit,
        high=high * unit,
        limit=allowed * unit,
        p_value=p_value,
    )
    text = sentence(finding)
    if status == "AMBIGUOUS" and (more := change.to_decide(allowed, TAIL)):
        text = f"{text.removesuffix('.')}; {more}."
    return dataclasses.replace(finding, sentence=text)


def _examine(
    metric: str, limit: Limit, pair: RowPair, rules: CheckRules, accuracy: AccuracyRules, notes: list[str]
) -> Iterator[Finding | Test]:
    """The findings of one metric of one row: one, or one of each class."""
    subject, kind = METRICS[metric].subject, METRICS[metric].kind
    is_asked = rules.is_asked(metric, pair.current)
    if subject == "latency":
        yield from _latency(kind, _blank(metric, limit, pair, "s"), limit, pair, is_asked, notes)
    elif metric == "size":
        yield _size(_blank(metric, limit, pair, "bytes"), limit, pair)
    elif metric == "energy":
        yield from _energy(_blank(metric, limit, pair, "J"), limit, pair, is_asked, notes)
    else:
        blank = _blank(metric, limit, pair, UNITS.get(kind, ""))
        yield from accuracy.examine(subject, kind, blank, limit, pair, notes)


def _blank(metric: str, limit: Limit, pair: RowPair, unit: str) -> Finding:
    row = pair.current
    return Finding(metric, row.title, row.key, METRICS[metric].words, unit, "PASS", "", limit_text=str(limit))


def _latency(
    scope: str, blank: Finding, limit: Limit, pair: RowPair, is_asked: bool, notes: list[str]
) -> Iterator[Finding | Test]:
    sides = {"baseline": pair.reference.latency.get(scope), "current run": pair.current.latency.get(scope)}
    if (missing := _missing(blank, sides, is_asked, notes)) is not None:
        yield from missing
        return
    reference, current = pair.reference.latency[scope], pair.current.latency[scope]
    if (finding := _unreliable(blank, {"baseline": reference, "current run": current})) is not None:
        yield finding
        return
    yield Test(blank, latency_change.latency_change(reference.samples_s, current.samples_s), limit)


def _missing(blank: Finding, sides: Mapping[str, object], is_asked: bool, notes: list[str]) -> list[Finding] | None:
    """What is said when one side or both have nothing to compare; None when both have."""
    without = [name for name, value in sides.items() if not value]
    if not without:
        return None
    if len(without) == len(sides) and not is_asked:
        notes.append(f"{blank.metric} is in neither run and was not compared")
        return []
    text = (
        f"{blank.row}: {blank.metric} is missing in the {' and the '.join(without)}; measure it there, or turn it off."
    )
    return [dataclasses.replace(blank, status="REFUSED", sentence=text)]


def _unreliable(blank: Finding, sides: Mapping[str, Sampled]) -> Finding | None:
    """The finding that takes the place of a comparison when a run's own verdict was not VALID; medians for the eye."""
    told, worst = [], "VALID"
    for name, sampled in sides.items():
        verdict, reasons = _verdict(sampled)
        if verdict != "VALID":
            told.append(f"in the {name} it is {verdict}: {'; '.join(reasons)}")
            worst = "INVALID" if "INVALID" in (verdict, worst) else "AMBIGUOUS"
    if not told:
        return None
    status: Status = "INVALID" if worst == "INVALID" else "AMBIGUOUS"
    text = f"{blank.row}: {blank.metric} was not compared; {' and '.join(told)}. Measure it again."
    reference, current = (_median(sampled.samples_s) for sampled in sides.values())
    return dataclasses.replace(blank, status=status, sentence=text, reference=reference, current=current)


def _verdict(sampled: Sampled) -> tuple[str, list[str]]:
    """A run's own verdict on a scope, or ours where it has none or too few samples."""
    if len(sampled.samples_s) < MIN_SAMPLES:
        return "INVALID", [f"{len(sampled.samples_s)} samples are too few (at least {MIN_SAMPLES})"]
    if sampled.verdict is None:  # written before runs judged themselves
        judged = judge_samples(LatencyStats(tuple(sampled.samples_s), "", 0))
        return judged.verdict, list(judged.reasons)
    return sampled.verdict, sampled.reasons


def _median(samples_s: list[float]) -> float | None:
    return statistics.median(samples_s) if samples_s else None


def _size(blank: Finding, limit: Limit, pair: RowPair) -> Finding:
    """Sizes are exact: no test."""
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


def _energy(blank: Finding, limit: Limit, pair: RowPair, is_asked: bool, notes: list[str]) -> Iterator[Finding | Test]:
    sides = {"baseline": pair.reference.energy_j, "current run": pair.current.energy_j}
    if (missing := _missing(blank, sides, is_asked, notes)) is not None:
        yield from missing
        return
    levels = []
    for name, windows in sides.items():
        if len(windows) < 2:
            text = f"{blank.row}: {blank.metric} of the {name} is of one window; measure at least two."
            yield dataclasses.replace(blank, status="INVALID", sentence=text)
            return
        levels.append(level_of_few(windows))
    yield Test(blank, latency_change.change_of_levels(*levels), limit)
