"""Latency of a deployed model on real images in two scopes: the engine alone, and image files to detections."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from ..data.dataset import DetectionSet, ImageRecord
from ..data.loader import load_batch
from ..engines.abilities import HasEvents
from ..engines.base import Engine
from ..errors import InputError, MeasurementError
from ..kernels.nms_options import NmsOptions
from ..measure.clock import Clock, CudaEventClock, HostClock
from ..measure.sampler import SamplingFailed, sample_latency
from ..measure.stages import StageClock, StageTimes, stage_times
from ..measure.stats import LatencyStats
from ..measure.stopping import StoppingRule
from ..measure.telemetry.machine import MachineTelemetry
from ..measure.verdict import Conditions, judge
from ..results.schema import Bounds, Latencies, Latency, RejectedSample
from .pipeline import pipeline_call

DISTINCT_BATCHES = 16  # enough to vary the detections, few enough to stay in memory
PERCENTILES = (50, 90, 99)


Scope = Literal["model", "pipeline"]
SCOPES: tuple[Scope, ...] = ("model", "pipeline")


class Scopes(Struct, frozen=True):
    """The samples of both scopes."""

    model: LatencyStats
    pipeline: LatencyStats


class Measured(Struct, frozen=True, kw_only=True):
    """A complete measurement as stored in an artifact: the samples, without conclusions.

    `batches` is the number of distinct inputs that the samples cycle through. `conditions` describes the state of the
    machine while each scope was measured. Older artifacts have `invalid` and `ambiguous` for both scopes instead.
    """

    scopes: Scopes
    stages: StageTimes | None
    batches: int
    telemetry: dict[str, Any] | None = None
    invalid: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()
    conditions: dict[Scope, Conditions] | UnsetType = UNSET
    processor_s: dict[Scope, float] = {}  # seconds per call, for engines on the CPU; not in older artifacts

    def conditions_of(self, scope: Scope) -> Conditions:
        """What is known about the machine while this scope was measured."""
        both = Conditions(self.invalid, self.ambiguous)
        return both if self.conditions is UNSET else self.conditions.get(scope, both)

    def latencies(self) -> Latencies:
        """Both scopes in the form of the results, each with its own verdict."""
        return Latencies(
            model=self._latency("model", self.scopes.model),
            pipeline=self._latency("pipeline", self.scopes.pipeline, self.stages),
            telemetry=self.telemetry,
        )

    def _latency(self, scope: Scope, stats: LatencyStats, stages: StageTimes | None = None) -> Latency:
        return latency_of(stats, self.conditions_of(scope), self.batches, stages, self.processor_s.get(scope))

    @property
    def not_valid(self) -> frozenset[Scope]:
        """The scopes that are not VALID."""
        found = self.latencies()
        both: dict[Scope, Latency | None] = {"model": found.model, "pipeline": found.pipeline}
        return frozenset(name for name, latency in both.items() if latency is None or latency.verdict != "VALID")


class LatencyBrokeOff(MeasurementError):
    """A measurement failed during the run; `latencies` holds the samples before the failure, and the reason."""

    def __init__(self, message: str, latencies: Latencies) -> None:
        super().__init__(message)
        self.latencies = latencies


def no_scope(scope: Scope, stats: LatencyStats) -> None:
    """Ignore a finished scope: the default of `on_scope`."""


def latency_batches(data: tuple[DetectionSet, ...], batch: int) -> list[list[ImageRecord]]:
    """Batches of real images to time, drawn alternately from the data sets and spread evenly over each."""
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
    on_scope: Callable[[Scope, LatencyStats], None] = no_scope,
    earlier: Measured | None = None,
    scopes: Collection[Scope] = SCOPES,
    between: Callable[[], None] | None = None,
) -> Measured:
    """Measure the latency per batch of both scopes; the calls of a scope cycle through `batches`.

    The model scope is timed by CUDA events if the engine has its own stream, everything else by the host's monotonic
    clock. A given `clock` is used for everything, and the machine's state is then not read. `on_scope` gets each scope
    as soon as it is done, so that it survives a later failure. With `earlier`, only `scopes` are measured and the other
    scope is taken from `earlier`. `between` runs before every call and is not timed.
    """
    telemetry = MachineTelemetry(engine.identity.device, engine.identity.threads) if clock is None else None
    own_clock = engine_clock(engine) if clock is None else None
    clock = clock or HostClock()
    images = [load_batch(records, 0, engine.card.imgsz).images for records in batches]
    guard = telemetry.clock_guard() if telemetry is not None else None
    stats = {} if earlier is None else {"model": earlier.scopes.model, "pipeline": earlier.scopes.pipeline}
    stages = None if earlier is None else earlier.stages
    readings, conditions = _earlier_state(earlier)
    processor_s = {} if earlier is None else dict(earlier.processor_s)
    is_on_cpu = engine.identity.device == "cpu"  # for an engine on a GPU it would be only the host's launch overhead
    before = telemetry.read() if telemetry is not None else {}
    for scope in SCOPES:
        if earlier is not None and scope not in scopes:
            continue
        began_s = time.process_time()
        if scope == "model":
            stats[scope] = sample_latency(
                lambda i: engine.infer(images[i % len(images)]),
                own_clock or clock,
                rule,
                guard,
                between,
                period=len(images),
            )
        else:
            stats[scope], stages = sample_pipeline(engine, batches, options, rule, clock, between)
        if telemetry is not None and is_on_cpu:
            processor_s[scope] = _processor_s(began_s, stats[scope])
        on_scope(scope, stats[scope])
        if telemetry is not None:
            after = telemetry.read()
            readings[scope], conditions[scope] = {"before": before, "after": after}, telemetry.conditions(before, after)
            before = after
    whole = None
    if telemetry is not None:
        ordered = [readings[scope] for scope in SCOPES if scope in readings]
        ends = {"before": ordered[0]["before"], "after": ordered[-1]["after"]}
        whole = {**ends, "missing": telemetry.missing, "notes": list(telemetry.notes), "scopes": readings}
    return Measured(
        scopes=Scopes(stats["model"], stats["pipeline"]),
        stages=stages,
        batches=len(batches),
        telemetry=whole,
        conditions=conditions if conditions else UNSET,
        processor_s=processor_s,
    )


def _processor_s(began_s: float, stats: LatencyStats) -> float:
    """Processor time per call since `began_s`: that of all threads, including the work between the calls."""
    calls = stats.warmup_calls + stats.n + sum(stats.rejected.values())
    return (time.process_time() - began_s) / max(calls, 1)


def _earlier_state(earlier: Measured | None) -> tuple[dict[Scope, dict[str, Any]], dict[Scope, Conditions]]:
    """The readings and conditions of an earlier measurement by scope; older artifacts have one set for both scopes."""
    if earlier is None or earlier.telemetry is None:
        return {}, {}
    both = {name: earlier.telemetry[name] for name in ("before", "after")}
    own = earlier.telemetry.get("scopes", {})
    return {name: own.get(name, both) for name in SCOPES}, {name: earlier.conditions_of(name) for name in SCOPES}


def engine_clock(engine: Engine) -> Clock | None:
    """The clock of the stream that an engine works on; None for an engine that does not provide events."""
    return CudaEventClock(*engine.event_parts()) if isinstance(engine, HasEvents) else None


def measure_or_keep(
    engine: Engine,
    batches: list[list[ImageRecord]],
    options: NmsOptions,
    rule: StoppingRule,
    clock: Clock | None = None,
    earlier: Measured | None = None,
    scopes: Collection[Scope] = SCOPES,
    between: Callable[[], None] | None = None,
) -> Measured:
    """Like `measure_latency`, but a failure during the run raises LatencyBrokeOff with the samples taken so far."""
    done: dict[Scope, LatencyStats] = {}
    try:
        return measure_latency(engine, batches, options, rule, clock, done.__setitem__, earlier, scopes, between)
    except (InputError, OSError):  # a wrong request or a full disk: not a failure of the engine
        raise
    except Exception as error:  # every engine raises its own classes when its device fails
        if isinstance(error, SamplingFailed):
            broken = next(scope for scope in SCOPES if scope in scopes and scope not in done)
            done[broken] = error.partial
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        kept: dict[Scope, Latency | None] = {
            scope: latency_of(stats, Conditions(invalid=("the measurement broke off",)), len(batches))
            for scope, stats in done.items()
        }
        if earlier is not None:
            valid = earlier.latencies()
            both: dict[Scope, Latency | None] = {"model": valid.model, "pipeline": valid.pipeline}
            kept = both | {scope: kept.get(scope) for scope in scopes}
        latencies = Latencies(model=kept.get("model"), pipeline=kept.get("pipeline"), failure=reason)
        raise LatencyBrokeOff(reason, latencies) from error


def sample_pipeline(
    engine: Engine,
    batches: list[list[ImageRecord]],
    options: NmsOptions,
    rule: StoppingRule,
    clock: Clock,
    between: Callable[[], None] | None = None,
) -> tuple[LatencyStats, StageTimes | None]:
    """Sample the pipeline scope; its stages are None if samples were rejected, since calls and samples then differ."""
    laps = StageClock(clock)
    calls = [pipeline_call(engine, records, options, laps) for records in batches]
    stats = sample_latency(lambda i: calls[i % len(calls)](), clock, rule, before=between, period=len(calls))
    timed = laps.calls[stats.warmup_calls :]
    return stats, stage_times(timed, stats.samples_s) if not stats.rejected and stats.samples_s else None


def latency_of(
    stats: LatencyStats,
    conditions: Conditions,
    batches: int,
    stages: StageTimes | None = None,
    processor_s: float | None = None,
) -> Latency:
    """One scope in the form of the results, with its verdict; stages that do not add up make it ambiguous."""
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
            RejectedSample(after=r.after, seconds=r.duration_s, reason=r.reason) for r in stats.rejected_samples
        ],
        verdict=judgement.verdict,
        reasons=list(judgement.reasons),
        stages_s=None if stages is None else stages.stages_s,
        unaccounted_s=None if stages is None else stages.unaccounted_s,
        processor_s=processor_s,
    )
