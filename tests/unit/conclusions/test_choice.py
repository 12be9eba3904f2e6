"""The rule over arrays against the same rule written for one study, arm by arm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_freeze.conclusions.choice import Arms, choose


def reference(arms, target, change):
    """In words: the highest among the allowed, then the cheapest that is shown to be within the indifference of it."""
    allowed = [
        a
        for a in range(len(target))
        if not arms.is_barred[a] and not -change[a] > arms.max_drop and target[a] >= arms.min_target
    ]
    if not allowed:
        return -1, -1
    best = min(allowed, key=lambda a: (-target[a], arms.cost[a], arms.order[a]))
    shown = [a for a in allowed if a == best or target[best] - target[a] + arms.reach[best, a] <= arms.indifference]
    return best, min(shown, key=lambda a: (arms.cost[a], -target[a], arms.order[a]))


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 6), indifference=st.sampled_from([0.0, 0.01, 0.1]),
    drop=st.sampled_from([0.0, 0.005]), least=st.sampled_from([-np.inf, 0.5]),
)  # fmt: skip
def test_every_resample_is_chosen_as_one_study_would_be(seed, n, indifference, drop, least):
    random = np.random.default_rng(seed)
    reach = random.choice([0.0, 0.005, 0.05, np.inf], (n, n))
    arms = Arms(
        reach=reach, cost=random.integers(0, 3, n), order=random.permutation(n), is_barred=random.random(n) < 0.2,
        max_drop=drop, min_target=least, indifference=indifference,
    )  # fmt: skip
    target = np.round(random.uniform(0.4, 0.6, (20, n)), 2)  # with ties
    change = random.choice([0.0, -0.004, -0.01, np.nan], (20, n))
    best, pick = choose(arms, target, change)
    for b in range(20):
        assert (best[b], pick[b]) == reference(arms, target[b], change[b])


def test_the_upper_end_of_the_loss_may_reach_the_indifference():
    arms = Arms(
        reach=np.array([[0.0, 0.25], [0.25, 0.0]]), cost=np.array([1, 0]), order=np.array([0, 1]),
        is_barred=np.zeros(2, bool), max_drop=0.0, min_target=-np.inf, indifference=0.5,
    )  # fmt: skip
    target = np.array([[0.75, 0.5], [0.75, 0.25]])
    assert choose(arms, target, np.zeros((2, 2)))[1].tolist() == [1, 0]


@pytest.mark.parametrize("n", [1, 3])
def test_none_is_chosen_where_none_is_allowed(n):
    arms = Arms(np.zeros((n, n)), np.zeros(n), np.arange(n), np.ones(n, bool), 0.0, 0.0, 0.01)
    assert [found.tolist() for found in choose(arms, np.ones((2, n)), np.zeros((2, n)))] == [[-1, -1], [-1, -1]]
