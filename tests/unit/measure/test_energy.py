"""Energy per call from counters and from power, and what the machine at hand can say."""

from types import SimpleNamespace

import pytest

from bench_freeze.errors import MeasurementError
from bench_freeze.measure.clock import FakeClock
from bench_freeze.measure.telemetry.energy import PowerIntegral, integrate, measure_energy
from bench_freeze.measure.telemetry.machine import MachineTelemetry


class Meter:
    """A counter of a machine that takes 10 W at rest and 30 W in a call, on a clock that is moved by hand."""

    method = "a test"

    def __init__(self, clock):
        self.clock = clock
        self.busy_s = 0.0

    def joules(self):
        return 10 * self.clock.now_s() + 20 * self.busy_s


def test_energy_per_call_gross_and_above_idle():
    clock = FakeClock()
    meter = Meter(clock)

    def call(i):
        clock.advance(0.25)
        meter.busy_s += 0.25

    energy = measure_energy(call, meter, clock)
    assert (energy.idle_watts, energy.calls, energy.window_s) == (10, 20, 5)
    assert energy.joules_per_call == pytest.approx(7.5)
    assert energy.joules_per_call_above_idle == pytest.approx(5)
    assert len(energy.windows_j) == 3
    with pytest.raises(ValueError, match="at least"):
        measure_energy(call, meter, clock, window_s=1)


def test_a_counter_that_stands_still_is_an_error():
    clock = FakeClock()
    with pytest.raises(MeasurementError, match="broken"):
        measure_energy(lambda i: clock.advance(1), SimpleNamespace(method="dead", joules=lambda: 0.0), clock)


def test_power_readings_are_integrated():
    assert integrate([0, 1, 3], [10, 20, 20]) == 55
    with pytest.raises(ValueError, match="backwards"):
        integrate([1, 0], [1, 1])
    with PowerIntegral(lambda: 4.0, "a test") as counter:
        start = counter.joules()
        assert counter.joules() >= start
    readings = iter([4.0])
    with PowerIntegral(lambda: next(readings, None), "a test") as counter, pytest.raises(MeasurementError):
        counter.joules()


def test_the_machine_at_hand_says_what_it_has_and_what_is_missing():
    telemetry = MachineTelemetry()
    state = telemetry.read()
    assert state["cpu"]["usable_cores"] >= 1
    assert set(telemetry.missing) | {s.name for s in telemetry.sources} >= {"cpu", "jetson"}
    telemetry.conditions(state, telemetry.read())
    with telemetry.energy_counter() as counter:
        assert counter is None or counter.method
