"""Latency of a deployed model on real images, in two scopes: the engine alone, and files to detections."""

from __future__ import annotations

from typing import Any

from .data.dataset import DetectionSet, ImageRecord
from .data.loader import load_batch
from .engines.base import Engine
from .measure.clock import Clock, HostClock
from .measure.sampler import sample_latency
from .measure.stats import LatencyStats
from .measure.stopping import StoppingRule
from .pipeline import pipeline_call
from .report.schema import Latencies, Latency
from .selection import NmsSettings

DISTINCT_BATCHES = 16  # enough to vary what is detected, few enough to stay in memory


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
    settings: NmsSettings,
    rule: StoppingRule,
    clock: Clock | None = None,
) -> dict[str, LatencyStats]:
    """Latency per batch of both scopes. Every call of a scope gets the next of the same batches, over and over."""
    clock = clock or HostClock()
    images = [load_batch(records, 0, engine.card.imgsz).images for records in batches]
    calls = [pipeline_call(engine, records, settings) for records in batches]
    return {
        "model": sample_latency(lambda i: engine.infer(images[i % len(images)]), clock, rule),
        "pipeline": sample_latency(lambda i: calls[i % len(calls)](), clock, rule),
    }


def latency_facts(measured: dict[str, LatencyStats]) -> dict[str, Any]:
    """The raw outcome as plain values: what an artifact keeps."""
    return {
        scope: {"samples_s": list(s.samples_s), "stopped_by": s.stopped_by, "warmup_calls": s.warmup_calls}
        for scope, s in measured.items()
    }


def latencies_from(facts: dict[str, Any] | None) -> Latencies:
    """The results' form of kept samples; both scopes are None when no latency was asked for."""
    if facts is None:
        return Latencies(model=None, pipeline=None)
    scopes = {}
    for scope, kept in facts.items():
        stats = LatencyStats(tuple(kept["samples_s"]), kept["stopped_by"], kept["warmup_calls"])
        scopes[scope] = Latency(
            n=stats.n,
            mean_s=stats.mean_s,
            p50_s=stats.percentile_s(50),
            p90_s=stats.percentile_s(90),
            p99_s=stats.percentile_s(99),
            samples_s=list(stats.samples_s),
            stopped_by=stats.stopped_by,
            warmup_calls=stats.warmup_calls,
        )
    return Latencies(model=scopes["model"], pipeline=scopes["pipeline"])
