"""Callables timed together: balanced orders, ratios that no drift moves, bounds that cover, faults and what is kept."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_freeze.errors import MeasurementError
from bench_freeze.measure.clock import FakeClock
from bench_freeze.measure.rounds import RoundFailed, Rounds, ratio_interval


def steady(clock, seconds):
    return lambda number: clock.advance(seconds)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32))
def test_every_pair_is_mirrored_and_works_on_one_input(count, pairs, seed):
    clock, heard = FakeClock(), []

    def named(name):
        def call(number):
            heard.append((name, number))
            clock.advance(1.0)

        return call

    names = [f"m{k}" for k in range(count)]
    rounds = Rounds({name: named(name) for name in names}, clock, pairs=pairs, seed=seed)
    assert rounds.run(3) == "rounds"
    assert [name for r in rounds.finished for name in r.order] == [name for name, _ in heard]
    for start in range(0, len(heard), 2 * count):
        palindrome = heard[start : start + 2 * count]
        assert palindrome == palindrome[::-1]
        assert Counter(name for name, _ in palindrome) == dict.fromkeys(names, 2)
        assert {number for _, number in palindrome} == {start // (2 * count)}


def test_equal_seeds_give_equal_orders_and_orders_vary():
    def orders(seed):
        clock = FakeClock()
        rounds = Rounds({name: steady(clock, 1.0) for name in "abcd"}, clock, seed=seed)
        rounds.run(5)
        return [r.order for r in rounds.finished]

    assert orders(1) == orders(1) != orders(2)
    assert len(set(orders(1))) == 5


@given(st.integers(0, 1000), st.floats(-0.002, 0.01))
def test_a_linear_drift_cancels(seed, step):
    clock, calls = FakeClock(), 0

    def takes(seconds):
        def call(number):
            nonlocal calls
            clock.advance(seconds * (1 + step * (calls % 6)))  # of one pair of three callables
            calls += 1

        return call

    rounds = Rounds({"a": takes(1.0), "b": takes(1.1), "c": takes(2.0)}, clock, pairs=1, seed=seed)
    rounds.run(10)
    assert rounds.ratio("b", to="a").value == pytest.approx(1.1)
    assert rounds.ratio("c", to="a").value == pytest.approx(2.0)


def test_one_interrupted_call_does_not_move_a_round():
    clock, times = FakeClock(), iter([1.0, 1.0, 50.0, 1.0, 1.0, 1.0])
    rounds = Rounds({"a": lambda number: clock.advance(next(times))}, clock, pairs=3)
    rounds.run(1)
    assert rounds.finished[0].level_s("a") == 1.0


def test_it_goes_on_where_it_stopped_and_ends_in_time():
    clock = FakeClock()
    states = iter(range(100))
    rounds = Rounds(
        {"a": steady(clock, 1.0), "b": steady(clock, 2.0)}, clock, pairs=1, state=lambda: {"n": next(states)}
    )
    assert rounds.run(10, max_seconds=13) == "time"  # the third begins at 12
    assert rounds.run(2) == "rounds"
    assert [r.state["n"] for r in rounds.finished] == [0, 1, 2, 3, 4]
    assert (found := rounds.ratio("b", to="a")).value == 2.0
    assert (found.rounds, found.low) == (5, None)  # below six rounds a median has no 95 % bounds


def test_a_fault_keeps_finished_rounds_and_the_others_go_on():
    clock, calls = FakeClock(), 0

    def fails(number):
        nonlocal calls
        calls += 1
        clock.advance(1.0)
        if calls == 15:
            raise RuntimeError("out of memory")

    rounds = Rounds({"good": steady(clock, 1.0), "bad": fails, "other": steady(clock, 3.0)}, clock)
    with pytest.raises(RoundFailed, match=r"bad failed in round 3: out of memory") as failed:
        rounds.run(9)
    assert len(rounds.finished) == 2
    rounds.drop(failed.value.name)
    rounds.run(4)
    assert rounds.ratio("other", to="good").rounds == 6
    assert rounds.ratio("bad", to="good").rounds == 2


@pytest.mark.parametrize("bad", [-1.0, 0.0, math.nan])
def test_impossible_durations_do_not_become_a_ratio(bad):
    clock = FakeClock()
    rounds = Rounds({"a": steady(clock, bad)}, clock)
    with pytest.raises(MeasurementError, match="clock"):
        rounds.run(1)
    assert rounds.finished == []


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6])
def test_the_interval_covers_rounds_that_resemble_their_neighbours(correlation):
    """A true ratio of 1.05 under heavy-tailed rounds; 1,000 runs of 60 rounds, fixed seed."""
    rng, covered = np.random.default_rng(7), 0
    for _ in range(1000):
        noise = rng.standard_normal(80)
        for k in range(1, 80):
            noise[k] = correlation * noise[k - 1] + math.sqrt(1 - correlation**2) * noise[k]
        found = ratio_interval((1.05 * np.exp(0.02 * np.sinh(noise[20:]))).tolist())
        covered += found.low <= 1.05 <= found.high
    assert covered / 1000 >= 0.93
