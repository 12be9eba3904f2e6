"""Latency and energy in every power mode of a board, on a clock that is moved by hand."""

from __future__ import annotations

import random
from contextlib import contextmanager

import pytest

from bench_freeze.measure.clock import FakeClock
from bench_freeze.measure.sampler import SamplingFailed
from bench_freeze.measure.stopping import StoppingRule
from bench_freeze.measure.telemetry.power_modes import PowerModes
from bench_freeze.measure.verdict import UNREMARKABLE
from bench_freeze.profile.power import AskedModes, measure_modes, with_front
from bench_freeze.results.profile import EnergyFigures, PowerModeFigures
from tests.board import Board

RULE = StoppingRule(max_samples=30, max_seconds=1e9, min_samples=99)
CALL_S = {0: 0.5, 1: 1.0}  # by mode
WATTS = {0: 40.0, 1: 10.0}


class Machine:
    """Stands in for a board's telemetry: power by the mode that is set, 5 W less at rest."""

    def __init__(self, board, clock):
        self.board, self.clock, self.busy_s = board, clock, 0.0

    def call(self, i):
        took = CALL_S[self.board.state[0]]
        self.clock.advance(took)
        self.busy_s += took

    def read(self):
        return {"jetson": {"temperatures_c": {"gpu": 40.0 + self.board.state[0]}}}

    def conditions(self, before, after):
        return UNREMARKABLE

    @contextmanager
    def energy_counter(self):
        yield self

    method = "a test"

    def joules(self):
        return (WATTS[self.board.state[0]] - 5) * self.clock.now_s() + 5 * self.busy_s


@pytest.fixture
def board(tmp_path, monkeypatch):
    made = Board(tmp_path)
    monkeypatch.setenv("PATH", made.path)
    return made


def test_every_mode_has_its_latency_and_energy_and_the_front_is_marked(board, tmp_path):
    clock = FakeClock()
    machine = Machine(board, clock)
    modes = PowerModes(configuration=board.configuration)
    measured = measure_modes(
        AskedModes(modes, modes.modes), machine.call, clock, RULE, machine, tmp_path / "clocks", lambda sentence: None
    )
    figures = with_front([*measured])
    assert board.state == (1, 729600, False)
    assert [(f.name, f.number) for f in figures] == [("MAXN", 0), ("MODE_15W", 1), ("MODE_50W", 3)]
    assert [f.latency and f.latency.p50_s for f in figures] == [0.5, 1.0, None]
    assert [f.energy and f.energy.joules_per_call for f in figures] == [20.0, 10.0, None]
    assert [f.on_front for f in figures] == [True, True, None]
    assert [f.after.get("temperatures_c") for f in figures] == [{"gpu": 40.0}, {"gpu": 41.0}, None]
    assert "restart" in figures[2].missing


def test_a_call_that_fails_leaves_the_modes_before_and_the_board_as_it_was(board, tmp_path):
    clock = FakeClock()
    machine = Machine(board, clock)

    def call(i):
        if board.state[0] == 1:
            raise RuntimeError("device lost")
        machine.call(i)

    modes = PowerModes(configuration=board.configuration)
    found = []
    asked = AskedModes(modes, modes.modes)
    with pytest.raises(SamplingFailed, match="device lost"):
        found.extend(measure_modes(asked, call, clock, RULE, machine, tmp_path / "clocks", lambda sentence: None))
    assert [f.name for f in found] == ["MAXN"]
    assert board.state == (1, 729600, False)


@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_what_no_other_mode_beats_in_both(seed):
    rng = random.Random(seed)
    drawn = [(rng.randint(1, 5), rng.randint(1, 5)) for _ in range(rng.randint(1, 8))]
    figures = with_front([figures_of(str(i), *costs) for i, costs in enumerate(drawn)])
    for mode, (s, j) in zip(figures, drawn, strict=True):
        beaten = any(a <= s and b <= j and (a, b) != (s, j) for a, b in drawn)
        assert mode.on_front == (not beaten)


def figures_of(name, seconds, joules):
    from bench_freeze.deployment.latency import latency_of
    from bench_freeze.measure.stats import LatencyStats

    energy = EnergyFigures(
        joules_per_call=joules,
        joules_per_call_above_idle=joules,
        idle_watts=1.0,
        window_s=5.0,
        calls=1,
        windows_j=[joules],
        method="a test",
    )
    latency = latency_of(LatencyStats((float(seconds),) * 5, "samples", 0), UNREMARKABLE, 1)
    return PowerModeFigures(name=name, number=0, latency=latency, energy=energy)
