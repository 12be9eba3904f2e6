"""The cost of an arm: engine latency with its interval, or file size if latency does not decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ..results.decision import Ratio
from ..results.schema import Latency, Original, Row
from ..results.study_statistics import Interval
from ..stats.level import MIN_SAMPLES, level


@dataclass(frozen=True)
class Cost:
    """A latency, in seconds or as a ratio, with its interval, and the file size as a tie-breaker."""

    value: float | None
    interval: Interval | None
    bytes: int


def latency_of_rows(rows: Sequence[Row]) -> tuple[float | None, Interval | None]:
    """The median over the runs of one arm (INVALID ones left out), and an interval that holds all of theirs.

    Runs of one arm time models of equal shape, so they differ only by the machine. The interval reaches from the lowest
    lower to the highest upper bound. None if nothing was measured or a run is too short for bounds.
    """
    return _over_runs([row.latency.model for row in rows])


def ratio_to_original(rows: Sequence[Row], original: Original) -> tuple[Ratio | None, bool]:
    """Ratio of an arm's latency to the original's on the same engine, and whether both were timed together.

    The median over its runs of the ratio from common rounds. Without one, the ratio of the medians, with an interval
    that contains all ratios of the two intervals; it does not cover a drift of the machine in between.
    """
    measured = _trusted([row.latency.model for row in rows])
    together = [found for latency in measured if (found := _measured_ratio(latency)) is not None]
    if together and len(together) == len(measured):
        ends = [found.interval for found in together if found.interval is not None]
        hull = Interval(low=min(end.low for end in ends), high=max(end.high for end in ends)) if ends else None
        hull = hull if len(ends) == len(together) else None
        return Ratio(value=median(found.value for found in together), interval=hull), True
    (own, own_ends), (other, other_ends) = latency_of_rows(rows), _over_runs([original.latency.model])
    return (None if own is None or not other else over(own, own_ends, other, other_ends)), False


def over(own: float, own_ends: Interval | None, other: float, other_ends: Interval | None) -> Ratio:
    """The ratio of two latencies, as if measured separately."""
    ends = None
    if own_ends is not None and other_ends is not None and other_ends.low > 0:
        ends = Interval(low=own_ends.low / other_ends.high, high=own_ends.high / other_ends.low)
    return Ratio(value=own / other, interval=ends)


def ranks_of(costs: Sequence[Cost], timed: bool) -> list[int]:
    """The rank of each cost, 0 is the lowest: by latency if distinguishable, else by file size.

    The fastest remaining latency and all that cannot be distinguished from it form a tier; within a tier, the smaller
    file is cheaper. Pairwise comparison would not be transitive: A may be indistinguishable from B, and B from C,
    although A is faster than C.
    """
    tiers = _tiers(costs) if timed else [0] * len(costs)
    keys = [(tier, cost.bytes) for tier, cost in zip(tiers, costs, strict=True)]
    known = sorted(set(keys))
    return [known.index(key) for key in keys]


def same_latency(a: Cost, b: Cost) -> bool:
    """Whether the measurements cannot distinguish two latencies."""
    if a.interval is None or b.interval is None:
        return True
    return a.interval.low <= b.interval.high and b.interval.low <= a.interval.high


def bounds_of(latency: Latency) -> tuple[float, float] | None:
    """Interval of the median in seconds, including drift and autocorrelation; None for a run that is too short."""
    samples = latency.samples_s
    return level(samples).interval() if len(samples) >= MIN_SAMPLES and min(samples) > 0 else None


def _tiers(costs: Sequence[Cost]) -> list[int]:
    found = [0] * len(costs)
    left = sorted(range(len(costs)), key=lambda at: (costs[at].value or 0.0, costs[at].bytes))
    tier = 0
    while left:
        fastest = costs[left[0]]
        members = [at for at in left if at == left[0] or same_latency(costs[at], fastest)]
        for at in members:
            found[at] = tier
        left = [at for at in left if at not in members]
        tier += 1
    return found


def _over_runs(latencies: Sequence[Latency | None]) -> tuple[float | None, Interval | None]:
    measured = _trusted(latencies)
    if not measured:
        return None, None
    bounds = [bounds_of(latency) for latency in measured]
    known = [bound for bound in bounds if bound is not None]
    hull = Interval(low=min(low for low, _ in known), high=max(high for _, high in known)) if known else None
    return median(latency.p50_s or 0.0 for latency in measured), hull if len(known) == len(bounds) else None


def _trusted(latencies: Sequence[Latency | None]) -> list[Latency]:
    """The latencies that were measured and are not INVALID."""
    known = [latency for latency in latencies if latency is not None and latency.p50_s is not None]
    return [latency for latency in known if latency.verdict != "INVALID"]


def _measured_ratio(latency: Latency) -> Ratio | None:
    """The ratio of one run, from rounds with the original; None without such rounds."""
    found = latency.ratio_to_original
    if found is None:
        return None
    ends = None if found.low is None or found.high is None else Interval(low=found.low, high=found.high)
    return Ratio(value=found.value, interval=ends)
