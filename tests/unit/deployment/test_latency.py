"""Latency of a replayed engine on a fake clock: exact scopes and stages, and the results' form of them."""

import json
import time

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data.dataset import ImageRecord
from bench_freeze.deployment import latency
from bench_freeze.deployment.latency import (
    LatencyBrokeOff,
    latencies_from,
    latency_facts,
    measure_latency,
    measure_or_keep,
)
from bench_freeze.engines.base import Head, ModelCard
from bench_freeze.engines.replay_engine import ReplayEngine
from bench_freeze.errors import MeasurementError
from bench_freeze.kernels.nms_options import NmsOptions
from bench_freeze.measure.clock import FakeClock
from bench_freeze.measure.stages import StageClock, stage_times
from bench_freeze.measure.stopping import StoppingRule
from bench_freeze.measure.telemetry.machine import MachineTelemetry

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
    assert measured.scopes["model"].samples_s == (0.25,) * 12
    assert measured.scopes["pipeline"].samples_s == (0.25,) * 12
    assert measured.stages.stages_s == {"read": 0, "letterbox": 0, "engine": 0.25, "scorer": 0}
    assert (measured.stages.unaccounted_s, measured.stages.adds_up) == (0, True)
    assert measured.telemetry is None


def test_copies_that_an_engine_reports_stand_beside_it(batches):
    clock = FakeClock()
    engine = replay(clock)
    engine.stage_seconds = {"copy in": 0.03125, "copy out": 0.0625}
    stages = measure_latency(engine, batches, NmsOptions(), RULE, clock).stages.stages_s
    assert stages == {"read": 0, "letterbox": 0, "engine": 0.15625, "copy in": 0.03125, "copy out": 0.0625, "scorer": 0}


def test_facts_come_back_as_results(batches):
    clock = FakeClock()
    latencies = latencies_from(latency_facts(measure_latency(replay(clock), batches, NmsOptions(), RULE, clock)))
    assert latencies.model.p50_s == latencies.model.bounds["p50"].low_s == 0.25
    assert (latencies.model.p90_s, latencies.model.bounds["p90"].missing) == (None, 64 - 12)
    assert (latencies.model.verdict, latencies.model.reasons) == ("VALID", [])
    assert latencies.model.stages_s is None
    assert latencies.pipeline.stages_s["engine"] == 0.25


def test_on_the_machines_own_clock_its_state_is_kept(batches):
    engine = ReplayEngine(ModelCard((Head("base", ("a",), "raw"),), SIZE, 1, None), [OUTPUT])
    measured = measure_latency(engine, batches, NmsOptions(), StoppingRule(20, 2.0))
    assert measured.telemetry["before"]["cpu"]["usable_cores"] >= 1
    latencies = latencies_from(latency_facts(measured))
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
    facts = latency_facts(measure_latency(engine, batches, NmsOptions(), StoppingRule(12, 2.0)))
    found = latencies_from(facts)
    assert busy_s <= found.model.processor_s < busy_s + waits_s
    assert found.model.p50_s >= busy_s + waits_s
    assert found.pipeline.processor_s >= busy_s
    del facts["processor_s"]  # as in artifacts that are older
    assert latencies_from(facts).model.processor_s is None


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
            if self.reads == 2:
                raise MeasurementError("gpu0 disappeared in mid-run")
            return super().read()

    monkeypatch.setattr(latency, "MachineTelemetry", Telemetry)
    engine = ReplayEngine(ModelCard((Head("base", ("a",), "raw"),), SIZE, 1, None), [OUTPUT])
    with pytest.raises(LatencyBrokeOff, match="gpu0 disappeared") as failure:
        measure_or_keep(engine, batches, NmsOptions(), StoppingRule(20, 2.0))
    kept = failure.value.latencies
    assert (kept.model.n, kept.pipeline.n, kept.model.verdict) == (20, 20, "INVALID")


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
    assert measured.scopes["model"].samples_s == pytest.approx((0.25,) * 12)
    assert max(measured.scopes["pipeline"].samples_s) < 0.25


def test_rejected_samples_come_back_one_by_one(batches):
    clock = FakeClock()
    facts = latency_facts(measure_latency(replay(clock), batches, NmsOptions(), RULE, clock))
    scope = facts["scopes"]["model"]
    scope["rejected"] = {"slow": 1, "no number": 1}
    scope["rejected_samples"] = [[3, 0.5, "slow"], [4, None, "no number"]]
    kept = latencies_from(json.loads(json.dumps(facts))).model.rejected_samples
    assert [(sample.after, sample.seconds, sample.reason) for sample in kept] == [
        (3, 0.5, "slow"),
        (4, None, "no number"),
    ]
    del scope["rejected_samples"]  # as in artifacts that are older
    assert latencies_from(facts).model.rejected_samples == []
