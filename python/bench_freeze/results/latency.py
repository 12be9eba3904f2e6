"""The parts of results.json about latency. All times are in seconds."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from .quantities import Count, Fraction, Number, Seconds, Verdict, check_order

Times = Annotated[float, Meta(gt=0, le=1e15)]  # how many times something takes as long


class Bounds(Struct, frozen=True, kw_only=True):
    """Confidence bounds of a percentile from order statistics; null if there are too few samples."""

    low_s: Seconds | None
    high_s: Seconds | None
    missing: Annotated[Count, Meta(description="number of further samples needed to state the percentile")] = 0

    def __post_init__(self) -> None:
        check_order(self.low_s, self.high_s, "an interval of a percentile")


class RejectedSample(Struct, frozen=True, kw_only=True):
    """A sample that was discarded from all statistics."""

    after: Annotated[Count, Meta(description="number of samples kept before it")]
    seconds: Annotated[Number | None, Meta(description="null if the duration is not a finite number")]
    reason: str


class Ratio(Struct, frozen=True, kw_only=True):
    """Ratio of a model's latency to its reference's, from rounds in which both were timed."""

    value: Annotated[Times, Meta(description="median of the rounds' ratios")]
    low: Annotated[Times | None, Meta(description="bounds of that median; null below six rounds")]
    high: Times | None
    confidence: Fraction = 0.95
    rounds: Annotated[int, Meta(ge=1, le=1 << 53, description="rounds in which both were timed")]
    reference: Annotated[str, Meta(description="name of the reference model in the study")]

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
    rejected: Annotated[dict[str, Count], Meta(description="discarded samples, by reason")] = {}
    rejected_samples: Annotated[
        list[RejectedSample], Meta(description="the discarded samples, one by one; empty in older files")
    ] = []
    verdict: Annotated[Verdict | None, Meta(description="VALID, AMBIGUOUS or INVALID; null in older files")] = None
    reasons: list[str] = []
    stages_s: Annotated[dict[str, Seconds] | None, Meta(description="median seconds by stage of the pipeline")] = None
    processor_s: Annotated[
        Seconds | None,
        Meta(
            description="processor time of the process per call, summed over threads, mean over all calls including "
            "warm-up; null on a GPU and in older files"
        ),
    ] = None
    unaccounted_s: Annotated[Number | None, Meta(description="median of the total minus its stages")] = None
    ratio_to_original: Annotated[
        Ratio | None,
        Meta(
            description="ratio to the original model through the same engine, both timed in the same rounds; null for "
            "the original itself, in older files, and if a model could not be timed this way"
        ),
    ] = None


class Latencies(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Both scopes of one model, and the state of the machine around their measurement."""

    model: Latency | None
    pipeline: Latency | None
    telemetry: Annotated[
        dict[str, Any] | None,
        Meta(description="readings before and after the measurement and each scope, and what could not be read"),
    ] = None
    failure: Annotated[str | None, Meta(description="why the measurement broke off; its samples are kept")] = None
