"""Contradictory latencies: a model that contains another one but was measured faster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from ..results.identity import RowKey, key_of
from ..results.recipe import STATIC
from ..results.schema import Latencies, Latency, Original, Results, Row
from ..results.study_statistics import Interval
from .cost import bounds_of

DUAL = ("branched", "grafted")
Scope = Literal["model", "pipeline"]
SCOPES: tuple[Scope, ...] = ("model", "pipeline")
APART = 0.03  # for successive measurements: a machine may drift by this much and be VALID (measure/verdict.py)


@dataclass(frozen=True)
class Contradiction:
    """One scope of a model, and a part of the model that was measured slower than the whole."""

    whole: RowKey
    part: RowKey
    scope: Scope
    sentence: str


def contradictions(results: Results) -> list[Contradiction]:
    """Every scope in which a dual-head model was faster than a model that it contains.

    A dual-head model runs all layers of the original model and of the plain model of the same training, plus another
    head. So neither its engine nor its pipeline can be faster than theirs. The classes of a plain model differ from the
    original's, so neither contains the other. Only intervals that do not overlap count: of the ratios to the original,
    which were measured together, and of latencies that differ by more than a drift. INVALID latencies do not count.
    """
    return [
        Contradiction(key_of(row), key_of(part), scope, text)
        for row in results.rows
        if row.construction in DUAL
        for name, part in _contained(row, results)
        for scope in SCOPES
        if (text := _contradiction(row, name, part, scope)) is not None
    ]


def mark_contradictions(results: Results) -> list[str]:
    """Mark both latencies of every contradiction AMBIGUOUS, with a sentence as the reason; returns the sentences."""
    found = contradictions(results)
    results.originals = [msgspec.structs.replace(o, latency=_doubted(o, found)) for o in results.originals]
    results.rows = [msgspec.structs.replace(row, latency=_doubted(row, found)) for row in results.rows]
    return [entry.sentence for entry in found]


def _doubted(record: Row | Original, found: Sequence[Contradiction]) -> Latencies:
    key, latencies = key_of(record), record.latency
    for entry in found:
        if key in (entry.whole, entry.part):
            latency = getattr(latencies, entry.scope)
            verdict = "INVALID" if latency.verdict == "INVALID" else "AMBIGUOUS"
            doubted = msgspec.structs.replace(latency, verdict=verdict, reasons=[*latency.reasons, entry.sentence])
            latencies = msgspec.structs.replace(latencies, **{entry.scope: doubted})
    return latencies


def _contained(row: Row, results: Results) -> Iterator[tuple[str, Row | Original]]:
    """The models on the same engine whose layers a dual-head model contains, with their names."""
    for original in results.originals:
        if _engine(row) == _engine(original):
            yield "the original model", original
    own = key_of(row)
    for other in results.rows:
        if key_of(other) == replace(own, construction="plain"):
            yield _name(other), other


def _engine(record: Row | Original) -> tuple[object, ...]:
    """What runs a model, and the checkpoint that it comes from."""
    return record.weights, key_of(record).deployment


def _contradiction(row: Row, name: str, part: Row | Original, scope: Scope) -> str | None:
    whole, single = getattr(row.latency, scope), getattr(part.latency, scope)
    if whole is None or single is None:
        return None
    text = _by_ratio(whole, single, is_original=isinstance(part, Original)) or _by_latency(whole, single)
    if text is None:
        return None
    reason = "the state of the machine, not the model, must be the reason"
    if row.artifact.plan_sha256 is not None:
        reason = "the state of the machine or the build of a plan, not the model, must be the reason"
    whose, other = ("", name) if scope == "model" else ("the pipeline of ", f"that of {name}")
    return (
        f"{whose}{_name(row)} through {row.engine} {row.precision} contains {other} and was measured faster: {text}; "
        f"{reason}. Measure both again on a quiet machine with --retime."
    )


def _by_ratio(whole: Latency, single: Latency, *, is_original: bool) -> str | None:
    """Judge by the ratios to the original (its own is 1); None if they do not contradict or one is missing."""
    own, other = whole.ratio_to_original, single.ratio_to_original
    if own is None or own.high is None:
        return None
    if is_original:
        return None if own.high >= 1 else f"{own.value:.3f} [{own.low:.3f}, {own.high:.3f}] times as long"
    if other is None or other.low is None or own.high >= other.low:
        return None
    return (
        f"{own.value:.3f} [{own.low:.3f}, {own.high:.3f}] against {other.value:.3f} [{other.low:.3f}, "
        f"{other.high:.3f}] times the original's time"
    )


def _by_latency(whole: Latency, single: Latency) -> str | None:
    own, other = _known(whole), _known(single)
    if own is None or other is None or own[1].high * (1 + APART) >= other[1].low:
        return None
    return f"{_milliseconds(own)} against {_milliseconds(other)}"


def _known(latency: Latency) -> tuple[float, Interval] | None:
    """The median and its interval; None if unknown."""
    if latency.p50_s is None or latency.verdict == "INVALID":
        return None
    bounds = bounds_of(latency)
    if bounds is None and (own := latency.bounds.get("p50")) is not None:  # a short run's order statistics
        bounds = None if own.low_s is None or own.high_s is None else (own.low_s, own.high_s)
    return None if bounds is None else (latency.p50_s, Interval(low=bounds[0], high=bounds[1]))


def _milliseconds(known: tuple[float, Interval]) -> str:
    median, interval = known
    return f"{median * 1e3:.3f} ms [{interval.low * 1e3:.3f}, {interval.high * 1e3:.3f}]"


def _name(row: Row) -> str:
    parts = [row.construction, str(row.freeze), f"seed {row.seed}"]
    parts += [] if row.recipe == STATIC.name else [row.recipe]
    parts += [] if row.data_fraction == 1 else [f"on {row.data_fraction:g} of the data"]
    return " ".join([*parts, *([] if row.weights is None else [row.weights])])
