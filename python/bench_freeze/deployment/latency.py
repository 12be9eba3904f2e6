"""Latency of a deployed model on real images, in two scopes: the engine alone, and files to detections."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..artifact import Artifact
from ..data.dataset import DetectionSet, ImageRecord
from ..data.loader import load_batch
from ..engines.abilities import HasEvents
from ..engines.base import Engine
from ..errors import InputError, MeasurementError
from ..kernels.nms_options import NmsOptions
from ..measure.clock import Clock, CudaEventClock, HostClock
from ..measure.sampler import SamplingFailed, sample_latency
from ..measure.stages import StageClock, StageTimes, stage_times
from ..measure.stats import LatencyStats, Rejected
from ..measure.stopping import StoppingRule
from ..measure.telemetry.machine import MachineTelemetry
from ..measure.verdict import UNREMARKABLE, Conditions, judge
from ..results.schema import Bounds, Latencies, Latency, RejectedSample
from .pipeline import pipeline_call

DISTINCT_BATCHES = 16  # enough to vary what is detected, few enough to stay in memory
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Measured:
    """Both scopes with the stages of the pipeline; `batches` is the number of distinct inputs they took in turn."""

    scopes: dict[str, LatencyStats]
    stages: StageTimes | None
    batches: int
    telemetry: dict[str, Any] | None = None
    conditions: Conditions = UNREMARKABLE


class LatencyBrokeOff(MeasurementError):
    """A measurement that failed in mid-run; `latencies` holds the samples before it, and the reason."""

    def __init__(self, message: str, latencies: Latencies) -> None:
        super().__init__(message)
        self.latencies = latencies


def no_scope(scope: str, stats: LatencyStats) -> None:
    """Nobody wants to know of single scopes."""


def latency_batches(data: tuple[DetectionSet, ...], batch: int) -> list[list[ImageRecord]]:
    """Batches of real images to time, taken in turn from every data set and spread evenly over it."""
    wanted = DISTINCT_BATCHES * batch
    share = -(-wanted // len(data))
    taken = [[d.images[i * len(d.images) // share] for i in range(share)] for d in data]
    mixed = [image for group in zip(*taken, strict=True) for image in group]
    return [mixed[i : i + batch] for i in range(0, wanted, batch)]


def measure_latency(
    engine: Engine,
    batches: list[list[ImageRecord]],
    options: NmsOptions,
    rule: StoppingRule,
    clock: Clock | None = None,
    on_scope: Callable[[str, LatencyStats], None] = no_scope,
) -> Measured:
    """Latency per batch of both scopes. Every call of a scope gets the next of the same batches, over and over.

    The model is timed by CUDA events where the engine has a stream of its own, all else by the host's monotonic clock.
    With a `clock` given that is taken for everything, and the machine's state is not read. `on_scope` is told of a
    scope when it is done, so that it outlives a failure of what comes next.
    """
    own_clock = engine_clock(engine) if clock is None else None
    telemetry = MachineTelemetry(engine.identity.device) if clock is None else None
    clock = clock or HostClock()
    before = telemetry.read() if telemetry is not None else {}
    images = [load_batch(records, 0, engine.card.imgsz).images for records in batches]
    guard = telemetry.clock_guard() if telemetry is not None else None
    model = sample_latency(
        lambda i: engine.infer(images[i % len(images)]), own_clock or clock, rule, guard, period=len(images)
    )
    on_scope("model", model)
    pipeline, stages = sample_pipeline(engine, batches, options, rule, clock)
    on_scope("pipeline", pipeline)
    scopes = {"model": model, "pipeline": pipeline}
    if telemetry is None:
        return Measured(scopes, stages, len(batches))
    after = telemetry.read()
    kept = {"before": before, "after": after, "missing": telemetry.missing}
    return Measured(scopes, stages, len(batches), kept, telemetry.conditions(before, after))


def engine_clock(engine: Engine) -> Clock | None:
    """The clock of the stream that an engine works on; None for an engine that tells of none."""
    return CudaEventClock(*engine.event_parts()) if isinstance(engine, HasEvents) else None


def measure_or_keep(
    engine: Engine,
    batches: list[list[ImageRecord]],
    options: NmsOptions,
    rule: StoppingRule,
    clock: Clock | None = None,
) -> Measured:
    """As `measure_latency`, but what fails in mid-run raises LatencyBrokeOff with the samples that were taken."""
    done: dict[str, LatencyStats] = {}
    try:
        return measure_latency(engine, batches, options, rule, clock, on_scope=done.__setitem__)
    except (InputError, OSError):  # a wrong request or a full disk: not the engine's doing
        raise
    except Exception as error:  # each engine raises classes of its own when its device fails
        if isinstance(error, SamplingFailed):
            done["pipeline" if "model" in done else "model"] = error.partial
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        kept = {
            scope: latency_of(stats, Conditions(invalid=("the measurement broke off",)), len(batches))
            for scope, stats in done.items()
        }
        latencies = Latencies(model=kept.get("model"), pipeline=kept.get("pipeline"), failure=reason)
        raise LatencyBrokeOff(reason, latencies) from error


def sample_pipeline(
    engine: Engine, batches: list[list[ImageRecord]], options: NmsOptions, rule: StoppingRule, clock: Clock
) -> tuple[LatencyStats, StageTimes | None]:
    """The pipeline scope with its stages; these are None when samples were rejected: calls and samples differ then."""
    laps = StageClock(clock)
    calls = [pipeline_call(engine, records, options, laps) for records in batches]
    stats = sample_latency(lambda i: calls[i % len(calls)](), clock, rule, period=len(calls))
    timed = laps.calls[stats.warmup_calls :]
    return stats, stage_times(timed, stats.samples_s) if not stats.rejected and stats.samples_s else None


def latency_facts(measured: Measured) -> dict[str, Any]:
    """The raw outcome as plain values: what an artifact keeps."""
    return {
        "scopes": {
            scope: {
                "samples_s": list(s.samples_s),
                "stopped_by": s.stopped_by,
                "warmup_calls": s.warmup_calls,
                "rejected": dict(s.rejected),
                "warmup_settled": s.warmup_settled,
                "rejected_samples": [
                    [r.after, r.duration_s if math.isfinite(r.duration_s) else None, r.reason]
                    for r in s.rejected_samples
                ],
            }
            for scope, s in measured.scopes.items()
        },
        "stages": None if measured.stages is None else asdict(measured.stages),
        "batches": measured.batches,
        "telemetry": measured.telemetry,
        "invalid": list(measured.conditions.invalid),
        "ambiguous": list(measured.conditions.ambiguous),
    }


def latencies_from(facts: Mapping[str, Any] | None) -> Latencies:
    """The results' form of kept samples; both scopes are None when no latency was asked for."""
    if facts is None:
        return Latencies(model=None, pipeline=None)
    conditions = Conditions(tuple(facts["invalid"]), tuple(facts["ambiguous"]))
    scopes = {scope: _stats_from(kept) for scope, kept in facts["scopes"].items()}
    stages = StageTimes(**facts["stages"]) if facts["stages"] is not None else None
    return Latencies(
        model=latency_of(scopes["model"], conditions, facts["batches"]),
        pipeline=latency_of(scopes["pipeline"], conditions, facts["batches"], stages),
        telemetry=facts["telemetry"],
    )


def all_valid(kept: Artifact | None) -> bool:
    """Whether both scopes of a kept measurement are VALID."""
    if kept is None:
        return False
    found = latencies_from(dict(kept.facts))
    return all(scope is not None and scope.verdict == "VALID" for scope in (found.model, found.pipeline))


def _stats_from(kept: Mapping[str, Any]) -> LatencyStats:
    rejected = (
        Rejected(after, math.nan if seconds is None else seconds, reason)
        for after, seconds, reason in kept.get("rejected_samples", ())  # which older artifacts do not have
    )
    return LatencyStats(**{**kept, "samples_s": tuple(kept["samples_s"]), "rejected_samples": tuple(rejected)})


def latency_of(stats: LatencyStats, conditions: Conditions, batches: int, stages: StageTimes | None = None) -> Latency:
    """One scope in the results' form, judged; stages that do not add up make it ambiguous."""
    if stages is not None and not stages.adds_up:
        sentence = f"the stages leave {stages.unaccounted_s * 1e3:.3f} ms of the whole unexplained"
        conditions = Conditions(conditions.invalid, (*conditions.ambiguous, sentence))
    judgement = judge(stats, conditions, batches)
    percentiles = {p: stats.percentile(p) for p in PERCENTILES}
    return Latency(
        n=stats.n,
        mean_s=stats.mean_s,
        p50_s=percentiles[50].value_s,
        p90_s=percentiles[90].value_s,
        p99_s=percentiles[99].value_s,
        samples_s=list(stats.samples_s),
        stopped_by=stats.stopped_by,
        warmup_calls=stats.warmup_calls,
        bounds={f"p{p}": Bounds(low_s=f.low_s, high_s=f.high_s, missing=f.missing) for p, f in percentiles.items()},
        rejected=dict(stats.rejected),
        rejected_samples=[
            RejectedSample(
                after=r.after, seconds=r.duration_s if math.isfinite(r.duration_s) else None, reason=r.reason
            )
            for r in stats.rejected_samples
        ],
        verdict=judgement.verdict,
        reasons=list(judgement.reasons),
        stages_s=None if stages is None else stages.stages_s,
        unaccounted_s=None if stages is None else stages.unaccounted_s,
    )
