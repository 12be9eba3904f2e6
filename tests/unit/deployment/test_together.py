"""Models timed together on a fake clock: exact ratios, drifts that hit all, faults, and groups that fit."""

import msgspec
import numpy as np
import pytest
from PIL import Image

from bench_freeze.artifact import ArtifactStore
from bench_freeze.data.dataset import ImageRecord
from bench_freeze.deployment.together import CALLS, ROUND_SECONDS, Entrant, RoundsRule, TimedTogether, time_group
from bench_freeze.engines.base import Head, ModelCard
from bench_freeze.engines.replay_engine import ReplayEngine
from bench_freeze.kernels.nms_options import NmsOptions
from bench_freeze.measure.clock import FakeClock
from bench_freeze.results.schema import Latencies, Latency

SIZE = 64
CARD = ModelCard((Head("base", ("a",), "raw"),), SIZE, 1, None)
OUTPUT = {"base": np.zeros((1, 5, 84), np.float32)}
ROUNDS = 12
RULE = RoundsRule(ROUNDS, 1e9)


@pytest.fixture
def batches(tmp_path):
    records = []
    for i in range(2):
        file = tmp_path / f"{i}.png"
        Image.fromarray(np.full((48, 80, 3), 40 * i, np.uint8)).save(file)
        records.append([ImageRecord(i, file, 80, 48)])
    return records


class Machine:
    """A clock, memory, and engines that take `seconds` of it at the speed of the moment; closed engines give back."""

    def __init__(self, free=1000, takes=100):
        self.clock, self.free, self.takes = FakeClock(), free, takes
        self.speed = lambda at_s: 1.0
        self.open = 0
        self.most_open = 0

    def entrant(self, name, seconds, *, dies_after=None, opens=True, call_s=0.0):
        machine = self

        class Engine(ReplayEngine):
            calls = 0

            def infer(self, images):
                self.calls += 1
                if dies_after is not None and self.calls > dies_after:
                    raise RuntimeError("device lost")
                return super().infer(images)

            def close(self):
                machine.open -= 1
                machine.free += machine.takes

        def open_engine():
            if not opens:
                raise RuntimeError("out of memory")
            machine.open += 1
            machine.most_open = max(machine.most_open, machine.open)
            machine.free -= machine.takes
            return Engine(
                CARD, [OUTPUT], (seconds,), lambda s: machine.clock.advance(s * machine.speed(self.clock.now_s()))
            )

        return Entrant(name, open_engine, call_s)

    def time(self, entrants, batches, rule=RULE, **more):
        reference, *others = entrants
        return time_group(
            reference, others, batches, NmsOptions(), rule, free_bytes=lambda: self.free, clock=self.clock, **more
        )


def ratio(timed, scope="model"):
    return getattr(timed, scope).ratio(timed.reference)


def test_ratios_are_exact_in_both_scopes(batches):
    machine = Machine()
    outcome = machine.time([machine.entrant(*m) for m in (("original", 0.25), ("a", 0.5), ("b", 0.3125))], batches)
    assert (outcome.failures, outcome.untried, machine.open) == ({}, [], 0)
    for name, value in (("a", 2.0), ("b", 1.25)):
        for scope in ("model", "pipeline"):
            found = ratio(outcome.timed[name], scope)
            assert (found.value, found.low, found.high) == (value, value, value)
            assert (found.rounds, found.reference) == (ROUNDS, "original")
        assert outcome.timed[name].group == ("original", "a", "b")


@pytest.mark.parametrize("seed", range(5))
def test_what_slows_the_machine_down_meets_all(batches, seed):
    """Stretches of a few rounds at speeds from 1 to 4, as others come and go; calls vary by 1 %, the ratio by 2 %."""
    rng, machine = np.random.default_rng(seed), Machine()
    ends = np.cumsum(rng.uniform(5, 20, 400))
    speeds = rng.uniform(1, 4, 400)
    machine.speed = lambda at_s: speeds[np.searchsorted(ends, at_s)] * rng.normal(1, 0.01)
    models = (("original", 0.25), ("a", 0.275), ("b", 0.375))
    outcome = machine.time([machine.entrant(*m) for m in models], batches, RoundsRule(40, 1e9))
    for name, value in (("a", 1.1), ("b", 1.5)):
        for scope in ("model", "pipeline"):
            found = ratio(outcome.timed[name], scope)
            assert found.value == pytest.approx(value, rel=0.02)
            assert 0.98 * value < found.low < found.high < 1.02 * value


def test_engines_with_streams_are_timed_by_their_events(batches):
    """On the host a call takes a second whatever the model; the GPU's own clock tells them apart."""
    machine, gpu = Machine(), FakeClock()

    class Event:
        def record(self, stream):
            self.at_s = stream.now_s()

        def synchronize(self):
            pass

    def entrant(name, gpu_s):
        plain = machine.entrant(name, 1.0)

        def open_engine():
            engine = plain.open()
            infer = engine.infer
            engine.event_parts = lambda: (gpu, Event, lambda earlier, later: (later.at_s - earlier.at_s) * 1e3)

            def infer_on_gpu(images):
                gpu.advance(gpu_s)
                return infer(images)

            engine.infer = infer_on_gpu
            return engine

        return Entrant(name, open_engine, 0.0)

    outcome = machine.time([entrant("original", 0.25), entrant("a", 0.375)], batches)
    assert ratio(outcome.timed["a"]).value == pytest.approx(1.5)
    assert ratio(outcome.timed["a"], "pipeline").value == 1.0


def test_a_model_that_fails_loses_only_what_comes_after(batches):
    """It dies in a round of the model scope: it keeps the rounds before, the others have all of theirs."""
    machine = Machine()
    # One call when it is opened, six to warm up, then two in a round.
    entrants = [machine.entrant("original", 0.25), machine.entrant("bad", 0.5, dies_after=1 + 6 + 2 * 5 + 1)]
    outcome = machine.time([*entrants, machine.entrant("good", 0.375)], batches)
    assert list(outcome.failures) == ["bad"]
    assert "round 6: device lost" in outcome.failures["bad"]
    assert (ratio(outcome.timed["bad"]).value, ratio(outcome.timed["bad"]).rounds) == (2.0, 5)
    assert ratio(outcome.timed["bad"], "pipeline") is None
    for scope in ("model", "pipeline"):
        assert (ratio(outcome.timed["good"], scope).value, ratio(outcome.timed["good"], scope).rounds) == (1.5, ROUNDS)
    assert machine.open == 0


def test_without_its_reference_a_group_ends_and_keeps_its_rounds(batches):
    machine = Machine()
    entrants = [machine.entrant("original", 0.25, dies_after=1 + 6 + 2 * 7), machine.entrant("a", 0.5)]
    outcome = machine.time(entrants, batches)
    assert list(outcome.failures) == ["original"]
    assert ratio(outcome.timed["a"]).rounds == 7


@pytest.mark.parametrize(
    ("free", "sizes"),
    [(10_000, [7]), (1000, [4, 3]), (500, [1] * 7), (50, [1] * 7), (None, [1] * 7)],
    ids=["enough", "five of ten", "two of five", "none", "unknown"],
)
def test_as_many_are_loaded_as_fill_half_of_the_memory(batches, free, sizes):
    machine = Machine(free=1000 if free is None else free)
    left = [machine.entrant(f"m{k}", 0.25 + k / 16) for k in range(7)]
    found, groups = {}, []
    while left:
        outcome = time_group(
            machine.entrant("original", 0.25), left, batches, NmsOptions(), RoundsRule(6, 1e9),
            free_bytes=(lambda: None) if free is None else (lambda: machine.free), clock=machine.clock,
        )  # fmt: skip
        groups.append(len(outcome.timed))
        found |= outcome.timed
        left = outcome.untried
    assert groups == sizes
    assert machine.most_open == 1 + max(sizes)
    assert {name: ratio(one).value for name, one in found.items()} == {f"m{k}": 1 + k / 4 for k in range(7)}


def test_names_tell_models_apart(batches):
    machine = Machine()
    with pytest.raises(ValueError, match="one name"):
        machine.time([machine.entrant(name, 0.25) for name in ("original", "a", "a")], batches)


def test_a_round_is_short_enough_to_be_of_one_moment(batches):
    machine = Machine(free=10_000)
    slow = ROUND_SECONDS / CALLS / 3  # three of them make a round
    entrants = [machine.entrant(name, 0.25, call_s=slow) for name in ("original", "a", "b", "c")]
    outcome = machine.time(entrants, batches)
    assert (list(outcome.timed), [one.name for one in outcome.untried]) == (["a", "b"], ["c"])
    slower = [machine.entrant(name, 0.25, call_s=10 * slow) for name in ("original", "a", "b")]
    assert list(machine.time(slower, batches).timed) == ["a"]


def test_the_time_of_a_group_is_that_of_its_models(batches):
    machine = Machine()
    entrants = [machine.entrant(name, 1.0) for name in ("original", "a", "b")]
    outcome = machine.time(entrants, batches, RoundsRule(1000, 20.0))
    assert ratio(outcome.timed["a"]).rounds == 10  # 60 s of rounds of 6 s


def test_what_does_not_open_beside_others_is_tried_again_without_them(batches):
    machine = Machine()
    entrants = [machine.entrant("original", 0.25), machine.entrant("a", 0.5), machine.entrant("big", 0.5, opens=False)]
    first = machine.time(entrants, batches)
    assert (list(first.timed), first.failures, [one.name for one in first.untried]) == (["a"], {}, ["big"])
    second = machine.time([entrants[0], *first.untried], batches)
    assert (second.timed, second.failures, second.untried) == ({}, {"big": "out of memory"}, [])
    third = machine.time([machine.entrant("original", 0.25, opens=False), entrants[1]], batches)
    assert (third.timed, list(third.failures)) == ({}, ["original"])
    assert machine.open == 0


def test_rounds_come_back_from_their_artifact_with_the_state_of_the_machine(batches, tmp_path):
    machine, moments = Machine(), iter(range(1000))
    entrants = [machine.entrant("original", 0.25), machine.entrant("a", 0.5)]
    timed = machine.time(entrants, batches, moment=lambda: {"gpu0": {"sm_clock_mhz": next(moments)}}).timed["a"]
    artifact, _ = ArtifactStore(tmp_path).produce("rounds", {}, lambda folder: timed)
    kept = artifact.value(TimedTogether)
    assert msgspec.to_builtins(kept) == msgspec.to_builtins(timed)
    assert [state["gpu0"]["sm_clock_mhz"] for state in kept.model.states] == list(range(ROUNDS))
    latency = Latency(n=1, mean_s=1, p50_s=1, p90_s=None, p99_s=None, samples_s=[1], stopped_by="time", warmup_calls=1)
    added = kept.added_to(Latencies(model=latency, pipeline=None, failure="x"))
    assert added.model.ratio_to_original == ratio(timed)
    assert (added.pipeline, added.failure, added.model.samples_s) == (None, "x", [1])
