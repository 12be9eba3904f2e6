"""The parts of results.json that say how long a model takes. All times are seconds."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from .quantities import Count, Fraction, Number, Seconds, Verdict, check_order

Times = Annotated[float, Meta(gt=0, le=1e15)]  # how many times something takes as long


class Bounds(Struct, frozen=True, kw_only=True):
    """Confidence bounds of a percentile, by order statistics; null where the samples do not reach them."""

    low_s: Seconds | None
    high_s: Seconds | None
    missing: Annotated[Count, Meta(description="samples that were missing to state the percentile")] = 0

    def __post_init__(self) -> None:
        check_order(self.low_s, self.high_s, "an interval of a percentile")


class RejectedSample(Struct, frozen=True, kw_only=True):
    """A sample that was taken and counts in no statistic."""

    after: Annotated[Count, Meta(description="samples that had been kept before it")]
    seconds: Annotated[Number | None, Meta(description="null where the duration is not a finite number")]
    reason: str


class Ratio(Struct, frozen=True, kw_only=True):
    """How long a model takes over how long its reference takes, from rounds in which both were timed."""

    value: Annotated[Times, Meta(description="median of the rounds' ratios")]
    low: Annotated[Times | None, Meta(description="bounds of that median; null below six rounds")]
    high: Times | None
    confidence: Fraction = 0.95
    rounds: Annotated[int, Meta(ge=1, le=1 << 53, description="rounds in which both were timed")]
    reference: Annotated[str, Meta(description="the model below the line, as the study calls it")]

    def __post_init__(self) -> None:
        check_order(self.low, self.high, "an interval of a ratio")


class Latency(Struct, frozen=True, kw_only=True):
    """One scope: model = the engine alone on a loaded batch; pipeline = image files to detections of all heads."""

    n: Count
    mean_s: Seconds | None
    p50_s: Seconds | None
    p90_s: Annotated[Seconds | None, Meta(description="null below 64 samples")]
    p99_s: Annotated[Seconds | None, Meta(description="null below 662 samples")]
    samples_s: Annotated[list[Number], Meta(description="seconds per batch, in the order taken")]
    stopped_by: Annotated[str, Meta(description="samples, time or precision")]
    warmup_calls: Count
    bounds: Annotated[dict[str, Bounds], Meta(description="95 % bounds by percentile: p50, p90, p99")] = {}
    rejected: Annotated[dict[str, Count], Meta(description="samples that were not kept, by reason")] = {}
    rejected_samples: Annotated[
        list[RejectedSample], Meta(description="the same, one by one; empty in files that are older")
    ] = []
    verdict: Annotated[
        Verdict | None, Meta(description="VALID, AMBIGUOUS or INVALID; null in files that are older")
    ] = None
    reasons: list[str] = []
    stages_s: Annotated[dict[str, Seconds] | None, Meta(description="median seconds by stage of the pipeline")] = None
    processor_s: Annotated[
        Seconds | None,
        Meta(
            description="processor time of the process per call, all threads added up, mean over all calls with the "
            "warm-up's; null on a GPU and in files that are older"
        ),
    ] = None
    unaccounted_s: Annotated[Number | None, Meta(description="the whole minus its stages, median")] = None
    ratio_to_original: Annotated[
        Ratio | None,
        Meta(
            description="over the original model through the same engine, both timed in the same rounds; null for the "
            "original itself, in files that are older, and where a model could not be timed so"
        ),
    ] = None


class Latencies(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Both scopes of one model, and the state of the machine around their measurement."""

    model: Latency | None
    pipeline: Latency | None
    telemetry: Annotated[
        dict[str, Any] | None,
        Meta(description="readings before and after, of each scope too, and what could not be read"),
    ] = None
    failure: Annotated[str | None, Meta(description="why the measurement broke off; its samples are kept")] = None
