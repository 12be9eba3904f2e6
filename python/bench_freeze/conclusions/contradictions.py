"""Latencies that cannot both be right: a model that contains another one and was measured faster than it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..results.identity import key_of
from ..results.recipe import STATIC
from ..results.schema import Latency, Original, Results, Row
from ..results.study_statistics import Interval
from .cost import bounds_of

DUAL = ("branched", "grafted")


def contradictions(results: Results) -> list[str]:
    """A sentence for each dual-head model whose engine was faster than that of a model which it contains.

    A dual-head model runs every layer of the original model, and of the plain model of the same training, and a head
    more, so its engine cannot be faster. A plain model has other classes than the original, so neither contains the
    other. Only medians count whose intervals do not overlap; latencies that are INVALID say nothing.
    """
    found = []
    for row in results.rows:
        if row.construction not in DUAL:
            continue
        for name, part in _contained(row, results):
            if (text := _contradiction(row, name, part)) is not None:
                found.append(text)
    return found


def _contained(row: Row, results: Results) -> Iterator[tuple[str, Row | Original]]:
    """The models through the same engine that a dual-head model runs all layers of, with their names."""
    for original in results.originals:
        if _engine(row) == _engine(original):
            yield "the original model", original
    own = key_of(row)
    for other in results.rows:
        if key_of(other) == replace(own, construction="plain"):
            yield _name(other), other


def _engine(record: Row | Original) -> tuple[object, ...]:
    """What runs a model, and of which checkpoint it is."""
    return record.weights, key_of(record).deployment


def _contradiction(row: Row, name: str, part: Row | Original) -> str | None:
    whole, single = _known(row.latency.model), _known(part.latency.model)
    if whole is None or single is None or whole[1].high >= single[1].low:
        return None
    reason = "the state of the machine, not the model, must be the reason"
    if row.artifact.plan_sha256 is not None:
        reason = "the state of the machine or the build of a plan, not the model, must be the reason"
    return (
        f"{_name(row)} through {row.engine} {row.precision} contains {name} and was measured faster: "
        f"{_milliseconds(whole)} against {_milliseconds(single)}; {reason}. Measure again on a quiet machine "
        "with --retime; what is VALID is kept by it, unless artifacts/latency-* in the output folder is removed."
    )


def _known(latency: Latency | None) -> tuple[float, Interval] | None:
    """The median and its interval; None where it is not measured, or not known to anything."""
    if latency is None or latency.p50_s is None or latency.verdict == "INVALID":
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
