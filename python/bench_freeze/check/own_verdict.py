"""A run's own verdicts on its latencies; only VALID ones are compared with another run's."""

from __future__ import annotations

from ..measure.stats import LatencyStats
from ..measure.verdict import judge
from ..stats.level import MIN_SAMPLES
from .snapshot import RowSnapshot, Sampled


def verdict_of(sampled: Sampled) -> tuple[str, list[str]]:
    """A run's own verdict on a scope, or a new one if it has none or too few samples."""
    if len(sampled.samples_s) < MIN_SAMPLES:
        return "INVALID", [f"{len(sampled.samples_s)} samples are too few (at least {MIN_SAMPLES})"]
    if sampled.verdict is None:  # written before runs judged themselves
        judged = judge(LatencyStats(tuple(sampled.samples_s), "", 0))
        return judged.verdict, list(judged.reasons)
    return sampled.verdict, sampled.reasons


def not_valid(row: RowSnapshot) -> list[str]:
    """The scopes of a row that were measured and are not VALID."""
    return [scope for scope, sampled in row.latency.items() if verdict_of(sampled)[0] != "VALID"]
