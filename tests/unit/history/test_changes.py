"""Change points against plain references, and on made series; bench/history_changes.py counts the rates."""

import itertools

import numpy as np
import pytest

from bench_freeze.history.changes import MIN_RUNS, _largest_gain, changes, p_value

pytest.importorskip("ruptures", reason='change points need pip install "bench-freeze[history]"')


def made(levels, each, sd, seed):
    generator = np.random.default_rng(seed)
    return np.repeat(levels, each) * np.exp(generator.normal(0, sd, len(levels) * each))


def reference_gain(values):
    """By the definition: sums of squares of the whole, and of a stretch and the rest."""
    n = len(values)

    def squares(x):
        return float(((x - x.mean()) ** 2).sum()) if len(x) else 0.0

    def fits(a, b):
        return (a == 0 or a >= MIN_RUNS) and (b == n or n - b >= MIN_RUNS) and MIN_RUNS <= b - a < n

    return max(
        squares(values) - squares(values[a:b]) - squares(np.concatenate([values[:a], values[b:]]))
        for a, b in itertools.combinations(range(n + 1), 2)
        if fits(a, b)
    )


@pytest.mark.parametrize("n", [6, 7, 9, 20])
def test_the_gain_is_that_of_its_definition(n):
    for seed in range(20):
        values = np.random.default_rng(seed).normal(size=n)
        assert _largest_gain(values[None])[0] == pytest.approx(reference_gain(values))


def test_a_step_is_found_where_it_is():
    (found,) = changes(made([10.0, 10.5], 15, 0.005, 1))
    assert found.position == 15
    assert found.share == pytest.approx(0.05, abs=0.005)


def test_five_small_steps_are_seen():
    levels = [10 * 1.02**k for k in range(6)]
    for seed in range(5):
        found = changes(made(levels, 10, 0.004, seed))
        assert [abs(change.position - 10 * (k + 1)) <= 2 for k, change in enumerate(found)] == [True] * 5
        assert found[-1].after / found[0].before == pytest.approx(1.02**5, rel=0.01)


def test_what_is_made_good_again_is_seen_too():
    found = changes(made([10.0, 11.0, 10.0], 12, 0.01, 3))
    assert [change.position for change in found] == [12, 24]


def test_one_odd_run_is_no_change():
    values = made([10.0], 30, 0.005, 5)
    values[20] *= 1.3
    assert changes(values) == []


def test_nothing_is_found_where_there_is_nothing():
    assert changes([1.0] * 50) == []
    assert changes([1.0, 2.0, 1.0, 2.0]) == []  # too few
    assert changes([]) == []


def test_answers_repeat_and_do_not_hang_on_units():
    values = made([10.0, 10.4, 10.9], 12, 0.006, 7)
    found = changes(values)
    assert found == changes(values)
    assert [c.position for c in changes(values * 1e-3)] == [c.position for c in changes(values * 1e6)]
    assert [c.position for c in changes(values)] == [c.position for c in changes(values * 1e-3)]


def test_p_values_are_of_permutations():
    values = np.array([1.0, 2.0, 3.0, 10.0, 11.0, 12.0])
    orders = [_largest_gain(np.array([order]))[0] for order in itertools.permutations(values)]
    exact = np.mean(np.array(orders) >= _largest_gain(values[None])[0] - 1e-9)
    assert p_value(values, 20_000) == pytest.approx(exact, abs=0.01)


def test_many_series_share_the_probability():
    values = made([10.0, 10.1], 8, 0.005, 2)
    p = p_value(values)
    assert 1e-3 < p < 0.02, p
    assert changes(values)
    assert changes(values, tests=1000) == []
