"""Which arms a budget lets go on."""

import numpy as np
import pytest

from bench_freeze.racing.places import MOST_ASIDE, SET_ASIDE, going_on, seeds_paid_for, set_aside


def room(order, *, left, costs=None, ends=None, stages=3):
    costs = dict.fromkeys(order, 2.0) if costs is None else costs
    ends = dict.fromkeys(order, 10.0) if ends is None else ends
    return going_on(order, costs, ends, left, stages)


@pytest.mark.parametrize("seed", range(40))
def test_what_goes_on_fits_and_the_best_can_always_end(seed):
    rng = np.random.default_rng(seed)
    arms = list(range(int(rng.integers(1, 15))))
    costs = {arm: float(rng.uniform(1, 3)) for arm in arms}
    ends = {arm: costs[arm] * float(rng.uniform(1, 8)) for arm in arms}
    left, stages = float(rng.uniform(5, 100)), int(rng.integers(1, 5))
    chosen = going_on(arms, costs, ends, left, stages)
    assert chosen
    spent = sum(costs[arm] for arm in chosen)
    if left >= ends[chosen[0]]:
        assert spent + ends[chosen[0]] - costs[chosen[0]] <= left + 1e-9
    assert len(chosen) == 1 or spent <= max(left / stages, costs[chosen[0]]) + 1e-9


def test_the_best_go_on():
    assert room([4, 2, 0, 1, 3], left=18.0) == [4, 2, 0]


def test_all_go_on_where_there_is_room():
    assert room([1, 0], left=1000.0) == [1, 0]


def test_one_goes_on_when_nothing_is_left():
    assert room([1, 0], left=0.0) == [1]
    assert room([], left=5.0) == []


@pytest.mark.parametrize(
    ("left", "running", "further", "seeds"),
    [
        (50, 5, 2, 2),
        (40, 5, 2, 2),
        (39, 5, 2, 1),
        (20, 5, 2, 1),
        (19, 5, 2, 0),
        (19, 1, 2, 1),
        (1000, 5, 2, 2),
        (0, 1, 2, 0),
        (-35, 5, 2, 0),
    ],
)
def test_the_rest_is_divided_over_as_many_seeds_as_have_room_for_two_arms(left, running, further, seeds):
    assert seeds_paid_for(left, 10.0, running, further) == seeds


@pytest.mark.parametrize("seed", range(30))
def test_arms_on_further_seeds_fit_into_what_is_left(seed):
    rng = np.random.default_rng(seed)
    arms, further = int(rng.integers(1, 12)), int(rng.integers(1, 5))
    left = float(rng.uniform(0, 200))
    if seeds := seeds_paid_for(left, 10.0, arms, further):
        chosen = room(list(range(arms)), left=left, costs=dict.fromkeys(range(arms), 10.0),
                      ends=dict.fromkeys(range(arms), 10.0 * seeds), stages=seeds)  # fmt: skip
        assert min(2, arms) <= len(chosen)
        assert 10.0 * len(chosen) * seeds <= left + 1e-9


def test_a_second_seed_of_some_arms_is_set_aside_from_a_budget_that_is_not_small():
    enough = SET_ASIDE * 10.0 / MOST_ASIDE
    assert set_aside(10.0, enough) == SET_ASIDE * 10.0
    assert set_aside(10.0, 0.99 * enough) == 0
