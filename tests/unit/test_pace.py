"""The time that the rest of a run takes, against runs whose steps take what their kind says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_freeze.pace import Left, Pace, Work

KINDS = ("train", "deploy", "run", "time")
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 500)), min_size=1, max_size=30)
SECONDS = st.fixed_dictionaries({kind: st.floats(0.001, 100) for kind in KINDS})


def total(steps, seconds):
    return sum(units * seconds[kind] for kind, units in steps)


def expected(steps):
    pace = Pace()
    pace.expect({kind: sum(units for k, units in steps if k == kind) for kind, _ in steps})
    return pace


@given(STEPS, SECONDS, st.floats(0.01, 0.99))
def test_a_run_of_even_pace_is_foretold(steps, seconds, share):
    pace = expected(steps)
    for number, (kind, units) in enumerate(steps):
        seen, to_come = {k for k, _ in steps[: number + 1]}, steps[number + 1 :]
        takes = units * seconds[kind]
        left = pace.left(Work(kind, units), share * takes, (1 - share) * takes)
        known = [step for step in to_come if step[0] in seen]
        assert left.seconds == pytest.approx((1 - share) * takes + total(known, seconds))
        assert left.is_part == (len(known) < len(to_come))
        pace.done(Work(kind, units), takes)
    assert pace.left() is None or pace.left().seconds == 0


@given(STEPS, SECONDS)
def test_what_was_kept_takes_no_time_and_says_nothing_of_it(steps, seconds):
    pace = expected([*steps, *steps])
    for kind, units in steps:
        pace.done(Work(kind, units), None)
    assert pace.left() is None  # nothing took time yet
    kind, units = steps[0]
    pace.done(Work(kind, units), units * seconds[kind])
    of_kind = [step for step in steps[1:] if step[0] == kind]
    found = pace.left()
    assert (found.seconds if found else 0) == pytest.approx(total(of_kind, seconds))


def test_a_step_that_says_nothing_of_itself_goes_by_its_kind():
    pace = Pace()
    pace.expect({"deploy": 3})
    assert pace.left(Work("deploy"), 1.0) is None
    pace.done(Work("deploy"), 4.0)
    assert pace.left(Work("deploy"), 1.0) == Left(3.0 + 4.0, False)
    assert pace.left(Work("deploy"), 9.0) == Left(4.0, False)  # it takes longer than the first


def test_work_that_was_not_expected_and_more_than_was_leave_nothing_behind():
    pace = Pace()
    pace.expect({"run": 2})
    pace.done(Work("run", 5), 5.0)
    pace.done(Work("time"), 1.0)
    assert pace.to_do == {"run": 0.0}
    assert pace.left(Work("time"), 0.5) == Left(0.5, False)
    assert Pace().left(Work("run"), 1.0, 1.0) is None  # a command that is no run


@given(st.floats(0.001, 10), st.integers(2, 500), st.floats(0.01, 0.99), st.floats(0.1, 5000), st.integers(0, 100))
def test_what_a_kind_may_take_bounds_what_is_to_come(rate, units, share, most_s, there):
    """A race may take so long, whatever all arms would; what an earlier run did counts with the time it took then."""
    pace = Pace()
    pace.expect({"train": units + there}, {"train": most_s + there * rate})
    pace.found(Work("train", there), there * rate)
    done = share * units
    running = pace.left(Work("train", done), 0.0, done * rate)
    assert running.seconds == pytest.approx(
        done * rate + min((units - done) * rate, max(0.0, most_s - done * rate)), rel=1e-6, abs=1e-6
    )
    pace.done(Work("train", done), done * rate)
    bound = max(0.0, most_s - done * rate)
    assert pace.left().seconds == pytest.approx(min((units - done) * rate, bound), rel=1e-6, abs=1e-6)
