"""What an arm costs: the latency of its engine with an interval, or the size of its file where no latency decides."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from ..results.schema import Latency, Row
from ..results.study_statistics import ArmStatistics, Interval
from ..stats.level import MIN_SAMPLES, level


def latency_of_rows(rows: Sequence[Row]) -> tuple[float | None, Interval | None]:
    """The median over the runs of one arm (INVALID ones left out), and an interval that holds all of theirs.

    Runs of one arm time models of one shape, so what they differ by is the machine; the interval reaches from the
    lowest lower to the highest upper bound. None where nothing was measured, or where a run is too short for bounds.
    """
    measured = [
        latency
        for row in rows
        if (latency := row.latency.model) is not None and latency.p50_s is not None and latency.verdict != "INVALID"
    ]
    if not measured:
        return None, None
    bounds = [bounds_of(latency) for latency in measured]
    known = [bound for bound in bounds if bound is not None]
    hull = Interval(low=min(low for low, _ in known), high=max(high for _, high in known)) if known else None
    return median(latency.p50_s or 0.0 for latency in measured), hull if len(known) == len(bounds) else None


def cost_difference(a: ArmStatistics, b: ArmStatistics) -> float:
    """Below 0 where `a` is cheaper: by latency where the intervals are apart, else by the size of the file."""
    if a.latency_p50_s is not None and b.latency_p50_s is not None and not same_latency(a, b):
        return a.latency_p50_s - b.latency_p50_s
    return float(a.bytes - b.bytes)


def same_latency(a: ArmStatistics, b: ArmStatistics) -> bool:
    """Whether the measurements cannot tell two latencies apart."""
    own, other = a.latency_interval_s, b.latency_interval_s
    if own is None or other is None:
        return True
    return own.low <= other.high and other.low <= own.high


def bounds_of(latency: Latency) -> tuple[float, float] | None:
    """Seconds between which the median lies, drift and correlation counted; None for a run too short to say."""
    samples = latency.samples_s
    return level(samples).interval() if len(samples) >= MIN_SAMPLES and min(samples) > 0 else None
