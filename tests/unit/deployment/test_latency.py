"""Latency of a replayed engine on a fake clock: exact scopes and stages, and the results' form of them."""

import time
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from bench_freeze.artifact import ArtifactStore
from bench_freeze.data.dataset import ImageRecord
from bench_freeze.deployment import latency
from bench_freeze.deployment.latency import (
    SCOPES,
    LatencyBrokeOff,
    Measured,
    Scopes,
    measure_latency,
    measure_or_keep,
)
from bench_freeze.engines.base import Head, ModelCard
from bench_freeze.engines.replay_engine import ReplayEngine
from bench_freeze.errors import MeasurementError
from bench_freeze.kernels.nms_options import NmsOptions
from bench_freeze.measure.clock import FakeClock
from bench_freeze.measure.stages import StageClock, stage_times
from bench_freeze.measure.stats import LatencyStats
from bench_freeze.measure.stopping import StoppingRule
from bench_freeze.measure.telemetry.machine import MachineTelemetry
from bench_freeze.measure.verdict import Conditions

SIZE = 64
OUTPUT = {"base": np.zeros((1, 5, 84), np.float32)}
RULE = StoppingRule(max_samples=12, max_seconds=1e9, min_samples=99)


@pytest.fixture
def batches(tmp_path):
    records = []
    for i in range(2):
        file = tmp_path / f"{i}.png"
        Image.fromarray(np.full((48, 80, 3), 40 * i, np.uint8)).save(file)
        records.append([ImageRecord(i, file, 80, 48)])
    return records


def replay(clock, durations=(0.25,)):
    card = ModelCard((Head("base", ("a",), "raw"),), SIZE, 1, None)
    return ReplayEngine(card, [OUTPUT], durations, clock.advance)


def test_both_scopes_and_the_engines_stage_are_exact(batches):
    clock = FakeClock()
    measured = measure_latency(replay(clock), batches, NmsOptions(), RULE, clock)
    assert measured.scopes.model.samples_s == (0.25,) * 12
    assert measured.scopes.pipeline.samples_s == (0.25,) * 12
    assert measured.stages.stages_s == {"read": 0, "letterbox": 0, "engine": 0.25, "scorer": 0}
    assert (measured.stages.unaccounted_s, measured.stages.adds_up) == (0, True)
    assert measured.telemetry is None


def test_copies_that_an_engine_reports_stand_beside_it(batches):
    clock = FakeClock()
    engine = replay(clock)
    engine.stage_seconds = {"copy in": 0.03125, "copy out": 0.0625}
    stages = measure_latency(engine, batches, NmsOptions(), RULE, clock).stages.stages_s
    assert stages == {"read": 0, "letterbox": 0, "engine": 0.15625, "copy in": 0.03125, "copy out": 0.0625, "scorer": 0}


def test_what_is_kept_comes_back_as_results(batches):
    clock = FakeClock()
    latencies = measure_latency(replay(clock), batches, NmsOptions(), RULE, clock).latencies()
    assert latencies.model.p50_s == latencies.model.bounds["p50"].low_s == 0.25
    assert (latencies.model.p90_s, latencies.model.bounds["p90"].missing) == (None, 64 - 12)
    assert (latencies.model.verdict, latencies.model.reasons) == ("VALID", [])
    assert latencies.model.stages_s is None
    assert latencies.pipeline.stages_s["engine"] == 0.25


def test_on_the_machines_own_clock_its_state_is_kept(batches):
    engine = ReplayEngine(ModelCard((Head("base", ("a",), "raw"),), SIZE, 1, None), [OUTPUT])
    measured = measure_latency(engine, batches, NmsOptions(), StoppingRule(20, 2.0))
    assert measured.telemetry["before"]["cpu"]["usable_cores"] >= 1
    latencies = measured.latencies()
    assert latencies.telemetry == measured.telemetry
    assert sum(latencies.pipeline.stages_s.values()) > 0


def test_processor_time_is_what_the_process_worked_not_what_it_waited(batches):
    busy_s, waits_s = 0.004, 0.02

    def call(seconds):
        until = time.thread_time() + busy_s
        while time.thread_time() < until:
            pass
        time.sleep(waits_s)

    engine = ReplayEngine(ModelCard((Head("base", ("a",), "raw"),), SIZE, 1, None), [OUTPUT], (0.0,), call)
    measured = measure_latency(engine, batches, NmsOptions(), StoppingRule(12, 2.0))
    found = measured.latencies()
    assert busy_s <= found.model.processor_s < busy_s + waits_s
    assert found.model.p50_s >= busy_s + waits_s
    assert found.pipeline.processor_s >= busy_s
    older = msgspec.to_builtins(measured)
    del older["processor_s"]
    assert msgspec.convert(older, Measured).latencies().model.processor_s is None


def test_stages_that_do_not_add_up_are_said():
    clock = FakeClock()
    laps = StageClock(clock)
    for _ in range(3):
        laps.begin()
        clock.advance(0.5)
        laps.lap("a")
        clock.advance(0.25)
        laps.lap("a")
        clock.advance(1.0)
    times = stage_times(laps.calls, [1.75] * 3)
    assert (times.stages_s, times.unaccounted_s, times.adds_up) == ({"a": 0.75}, 1.0, False)
    with pytest.raises(ValueError, match="3 calls for 2"):
        stage_times(laps.calls, [1.0, 1.0])


class Dying(ReplayEngine):
    """An engine whose device is lost at a call."""

    def dies_at(self, call):
        self.left = call
        return self

    def infer(self, images):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("CUDA error: device lost")
        return super().infer(images)


@pytest.mark.parametrize(("call", "model", "pipeline"), [(15, 9, None), (25, 12, 1), (0, 0, None)])
def test_an_engine_that_dies_leaves_its_samples(batches, call, model, pipeline):
    clock = FakeClock()
    card = ModelCard((Head("base", ("a",), "raw"),), SIZE, 1, None)
    engine = Dying(card, [OUTPUT], (0.25,), clock.advance).dies_at(call)
    with pytest.raises(LatencyBrokeOff, match="device lost") as failure:
        measure_or_keep(engine, batches, NmsOptions(), RULE, clock)
    kept = failure.value.latencies
    assert failure.value.exit_code == 3
    assert "device lost" in kept.failure
    assert kept.model.n == model
    assert kept.model.verdict == "INVALID"
    assert (kept.pipeline.n if kept.pipeline else None) == pipeline


def test_a_gpu_that_is_lost_after_the_last_sample_costs_none(batches, monkeypatch):
    class Telemetry(MachineTelemetry):
        reads = 0

        def read(self):
            self.reads += 1
            if self.reads == 3:
                raise MeasurementError("gpu0 disappeared during the run")
            return super().read()

    monkeypatch.setattr(latency, "MachineTelemetry", Telemetry)
    engine = ReplayEngine(ModelCard((Head("base", ("a",), "raw"),), SIZE, 1, None), [OUTPUT])
    with pytest.raises(LatencyBrokeOff, match="gpu0 disappeared") as failure:
        measure_or_keep(engine, batches, NmsOptions(), StoppingRule(20, 2.0))
    kept = failure.value.latencies
    assert (kept.model.n, kept.pipeline.n, kept.model.verdict) == (20, 20, "INVALID")


def kept_with(model, pipeline):
    """A measurement on a real machine, with samples and conditions of each scope as given."""
    measured = msgspec.convert(KEPT, Measured)
    samples = {"model": (0.25, 0.26) * 100, "pipeline": (0.5, 0.51) * 100}
    stats = {scope: LatencyStats(own, "samples", 6) for scope, own in samples.items()}
    conditions = {"model": Conditions(*model), "pipeline": Conditions(*pipeline)}
    spans = {scope: {"before": {scope: "began"}, "after": {scope: "ended"}} for scope in SCOPES}
    telemetry = {"before": spans["model"]["before"], "after": spans["pipeline"]["after"], "missing": {}}
    return msgspec.structs.replace(
        measured, scopes=Scopes(**stats), stages=None, invalid=(), ambiguous=(), conditions=conditions,
        telemetry={**telemetry, "scopes": spans},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("model", "pipeline", "not_valid"),
    [((), (), set()), (((), ("busy",)), (), {"model"}), ((), (("throttled",), ()), {"pipeline"})],
)
def test_a_scope_is_judged_by_its_own_time(tmp_path, model, pipeline, not_valid):
    measured = kept_with(model, pipeline)
    artifact, _ = ArtifactStore(tmp_path).produce("latency", {}, lambda folder: measured)
    assert artifact.value(Measured) == measured
    assert measured.not_valid == not_valid
    found = measured.latencies()
    assert {s for s in SCOPES if getattr(found, s).verdict != "VALID"} == not_valid


@pytest.mark.parametrize("again", SCOPES)
def test_one_scope_is_measured_again_and_the_other_stays(batches, again):
    earlier = kept_with(((), ("busy",)), ((), ("busy",)))
    (stays,) = set(SCOPES) - {again}
    engine = ReplayEngine(ModelCard((Head("base", ("a",), "raw"),), SIZE, 1, None), [OUTPUT])
    rule, told = StoppingRule(20, 2.0), []
    new = measure_latency(
        engine, batches, NmsOptions(), rule, None, lambda scope, stats: told.append(scope), earlier, {again}
    )
    assert told == [again]
    assert getattr(new.scopes, stays) == getattr(earlier.scopes, stays)
    assert getattr(new.scopes, again).n == 20
    assert new.conditions[stays] == earlier.conditions[stays]
    assert new.telemetry["scopes"][stays] == earlier.telemetry["scopes"][stays]
    assert new.telemetry["scopes"][again]["before"]["cpu"]["usable_cores"] >= 1
    assert new.telemetry["before"] == new.telemetry["scopes"]["model"]["before"]
    assert new.telemetry["after"] == new.telemetry["scopes"]["pipeline"]["after"]
    assert (new.stages is None) == (again == "model")


def test_an_engine_that_dies_when_one_scope_is_measured_again_leaves_the_other(batches):
    card = ModelCard((Head("base", ("a",), "raw"),), SIZE, 1, None)
    engine = Dying(card, [OUTPUT], (0.0,)).dies_at(3)
    earlier = kept_with((), ((), ("busy",)))
    with pytest.raises(LatencyBrokeOff) as failure:
        measure_or_keep(engine, batches, NmsOptions(), RULE, None, earlier, {"pipeline"})
    kept = failure.value.latencies
    assert (kept.model.verdict, kept.model.n, kept.pipeline.verdict) == ("VALID", 200, "INVALID")


def test_an_engine_with_a_stream_is_timed_by_its_events(batches):
    """Each call takes a quarter of a second of the GPU, whatever the host's clock says."""

    class Event:
        def record(self, stream):
            self.at_s = stream.now_s()

        def synchronize(self):
            pass

    gpu = FakeClock()
    engine = ReplayEngine(ModelCard((Head("base", ("a",), "raw"),), SIZE, 1, None), [OUTPUT], (0.25,), gpu.advance)
    engine.event_parts = lambda: (gpu, Event, lambda earlier, later: (later.at_s - earlier.at_s) * 1e3)  # type: ignore[attr-defined]
    measured = measure_latency(engine, batches, NmsOptions(), RULE)
    assert measured.scopes.model.samples_s == pytest.approx((0.25,) * 12)
    assert max(measured.scopes.pipeline.samples_s) < 0.25


# The facts of a latency artifact as version 0.1.0 wrote them, with everything that can be in one.
KEPT: dict[str, Any] = {
    "ambiguous": ["another process"],
    "batches": 2,
    "invalid": ["throttled"],
    "scopes": {
        "model": {
            "rejected": {"no number": 1, "slow": 1},
            "rejected_samples": [[1, 0.75, "slow"], [2, None, "no number"]],
            "samples_s": [0.25, 0.5, 0.25],
            "stopped_by": "time",
            "warmup_calls": 6,
            "warmup_settled": False,
        },
        "pipeline": {
            "rejected": {},
            "rejected_samples": [],
            "samples_s": [0.5, 0.5],
            "stopped_by": "samples",
            "warmup_calls": 7,
            "warmup_settled": True,
        },
    },
    "stages": {"adds_up": False, "stages_s": {"engine": 0.25, "read": 0.125}, "unaccounted_s": 0.125},
    "telemetry": {"after": {}, "before": {"cpu": {"usable_cores": 2}}, "missing": {"gpu": "none"}},
}


def test_an_artifact_keeps_a_measurement_as_it_always_did(tmp_path):
    measured = msgspec.convert(KEPT, Measured)
    artifact, _ = ArtifactStore(tmp_path).produce("latency", {}, lambda folder: measured)
    assert artifact.facts == {**KEPT, "processor_s": {}}
    assert artifact.value(Measured) == measured


def test_a_kept_measurement_is_judged_when_it_is_read():
    found = msgspec.convert(KEPT, Measured).latencies()
    assert found.telemetry == KEPT["telemetry"]
    model, pipeline = found.model, found.pipeline
    assert (model.samples_s, model.stopped_by, model.warmup_calls) == ([0.25, 0.5, 0.25], "time", 6)
    assert (model.n, model.mean_s, model.p50_s, model.p90_s) == (3, 1 / 3, 0.25, None)
    assert (model.verdict, model.stages_s) == ("INVALID", None)
    assert model.reasons == [
        "throttled",
        "2 of 5 samples were rejected (1: no number, 1: slow)",
        "another process",
        "3 samples are too few to bound the median",
        "the durations were still changing when the warm-up reached its limit",
    ]
    assert [(sample.after, sample.seconds, sample.reason) for sample in model.rejected_samples] == [
        (1, 0.75, "slow"),
        (2, None, "no number"),
    ]
    assert (pipeline.stages_s, pipeline.unaccounted_s) == ({"engine": 0.25, "read": 0.125}, 0.125)
    assert "the stages leave 125.000 ms of the whole unexplained" in pipeline.reasons


def test_a_measurement_is_read_that_is_older_than_single_rejections():
    scopes = {
        name: {field: value for field, value in scope.items() if field != "rejected_samples"}
        for name, scope in KEPT["scopes"].items()
    }
    found = msgspec.convert({**KEPT, "scopes": scopes}, Measured).latencies()
    assert (found.model.rejected, found.model.rejected_samples) == ({"no number": 1, "slow": 1}, [])
