"""Arms that are shown to be worse: how often the best one is among them, in races whose truth is known."""

import math

import numpy as np
import pytest

from bench_freeze.racing.decision import Course, Seen, decide
from bench_freeze.racing.rule import level_of_a_pair, shown_beyond, shown_worse
from bench_freeze.stats.student import two_sided_p

EPOCHS = (2, 5, 11, 19, 40)


def equal(rng, arms):
    """All arms are one."""
    return np.full(arms, 0.4)


def tied_for_the_best(rng, arms):
    """Half of the arms are as good as the best one, the others are behind by anything."""
    return np.where(np.arange(arms) < arms // 2, 0.5, 0.5 - 0.3 * rng.random(arms))


def just_the_best(rng, arms):
    """One arm is best by a little."""
    return np.where(np.arange(arms) == 0, 0.5, 0.499)


def ends_of(rng, true, seeds, spreads):
    """[arms, seeds] after the last epoch: what a seed does to all arms is large."""
    arms = len(true)
    return (
        true[:, None]
        + 0.08 * rng.standard_normal(seeds)
        + np.asarray(spreads)[:, None] * rng.standard_normal((arms, seeds))
    )


def stopped_in(ends, alpha=0.05):
    """The arms that a race stops, by the real decisions: on the opening seed, and after each further one."""
    arms, seeds = ends.shape
    course = Course(tuple(f"arm {k}" for k in range(arms)), EPOCHS, tuple(range(seeds)), alpha=alpha)
    looks = [Seen(epoch, ends[:, :1] * epoch / EPOCHS[-1]) for epoch in EPOCHS]
    running, stopped = list(range(arms)), {}
    for seen in [*looks, *(Seen(EPOCHS[-1], ends[:, :count]) for count in range(2, seeds + 1))]:
        for stop in decide(course, running, seen):
            stopped[stop.arm] = stop
        running = [arm for arm in running if arm not in stopped]
    return stopped


@pytest.mark.parametrize("truth", [equal, tied_for_the_best, just_the_best])
@pytest.mark.parametrize(("arms", "seeds"), [(4, 2), (16, 2), (7, 5)])
@pytest.mark.parametrize("uneven", [False, True])
def test_the_best_arm_is_stopped_as_worse_in_no_more_than_the_stated_share_of_races(truth, arms, seeds, uneven):
    rng = np.random.default_rng([arms, seeds, uneven])
    races, alpha, wrong = 400, 0.2, 0  # a large share, so that one that is too large is seen in few races
    for _ in range(races):
        spreads = rng.uniform(0.01, 0.03, arms) if uneven else np.full(arms, 0.02)
        true = truth(rng, arms)
        wrong += int(np.argmax(true)) in stopped_in(ends_of(rng, true, seeds, spreads), alpha)
    assert wrong / races <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / races)


@pytest.mark.parametrize("seeds", [2, 3])
@pytest.mark.parametrize("beyond", [0.0, 0.001, 0.004, 0.02])
def test_the_best_arm_within_the_limit_is_seldom_stopped_by_better_ones_beyond_it(seeds, beyond):
    """The usual case: what gains more on the target loses more on the base task."""
    rng = np.random.default_rng([seeds, round(1000 * beyond)])
    races, arms, limit, alpha, wrong = 300, 20, 0.05, 0.2, 0
    for _ in range(races):
        lost = np.r_[0.0, np.full(arms - 1, limit + beyond)][:, None] + 0.01 * rng.standard_normal((arms, seeds))
        ends = ends_of(rng, np.r_[0.4, np.full(arms - 1, 0.46)], seeds, np.full(arms, 0.01))
        course = Course(tuple(f"arm {k}" for k in range(arms)), EPOCHS, tuple(range(seeds)), limit, alpha)
        running = list(range(arms))
        for count in range(2, seeds + 1):
            stops = decide(course, running, Seen(EPOCHS[-1], ends[:, :count], lost[:, :count]))
            running = [arm for arm in running if arm not in {stop.arm for stop in stops}]
        wrong += 0 not in running
    assert wrong / races <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / races)


def test_without_base_scores_no_arm_stops_another_under_a_limit():
    far = Seen(EPOCHS[-1], np.array([[0.9, 0.91], [0.1, 0.11], [0.5, 0.49]]))
    course = Course(("a", "b", "c"), EPOCHS, (0, 1), alpha=0.05)
    assert decide(course, range(3), far)
    assert not decide(Course(("a", "b", "c"), EPOCHS, (0, 1), 0.1), range(3), far)


def test_an_arm_far_behind_is_stopped_as_soon_as_two_seeds_are_there():
    rng = np.random.default_rng(1)
    true = np.array([0.5, 0.49, 0.48, 0.1])
    found = [stopped_in(ends_of(rng, true, 3, [0.01] * 4)) for _ in range(50)]
    assert sum("over 2 seeds" in one[3].reason for one in found if 3 in one) > 40
    assert all(one[3].why == "worse" for one in found if 3 in one)


def test_one_seed_shows_nothing():
    rng = np.random.default_rng(2)
    assert not stopped_in(ends_of(rng, np.array([0.6, 0.01, 0.5]), 1, [0.001] * 3))


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_of_two_arms_it_is_the_paired_t_test(seeds):
    rng = np.random.default_rng(seeds)
    for _ in range(200):
        now = rng.normal(0.4, 0.05, (2, seeds))
        gaps = now[1] - now[0]
        t = gaps.mean() / (gaps.std(ddof=1) / math.sqrt(seeds))
        level = rng.uniform(0.01, 0.4)
        expected = t > 0 and two_sided_p(t, seeds - 1) / 2 < level
        assert (0 in shown_worse(now, [0, 1], level)) == expected


def test_what_a_seed_does_to_all_arms_and_the_order_of_both_do_not_count():
    rng = np.random.default_rng(3)
    shown = 0
    for _ in range(50):
        now = rng.normal(0.4, 0.05, (6, 3))
        found = shown_worse(now, range(6), 0.2)
        shown += len(found)
        assert shown_worse(now + rng.normal(0, 1, 3), range(6), 0.2).keys() == found.keys()
        order = rng.permutation(6)
        assert {int(order[arm]) for arm in shown_worse(now[order], range(6), 0.2)} == found.keys()
        assert shown_worse(now[:, ::-1], range(6), 0.2).keys() == found.keys()
    assert shown > 50


def test_an_arm_that_stopped_is_nobodys_rival():
    now = np.array([[0.9, 0.9], [np.nan, np.nan], [0.1, 0.11], [0.5, 0.49]])
    assert shown_worse(now, [0, 2, 3], 0.1)[2].than == 0
    assert shown_worse(now, [2, 3], 0.1)[2].than == 3
    assert shown_worse(now, [0, 2, 3], 0.1, rivals=[2, 3])[2].than == 3


@pytest.mark.parametrize("seeds", [2, 4])
def test_an_arm_within_the_limit_is_stopped_in_no_more_than_the_stated_share(seeds):
    rng = np.random.default_rng(seeds)
    wrong = sum(
        0 in shown_beyond(loss, range(5), 0.02, 0.1)
        for loss in (0.02 + rng.normal(0, 0.01, (5, seeds)) for _ in range(600))
    )
    assert wrong / 600 <= 0.1 + 3 * math.sqrt(0.09 / 600)
    sure = np.full((5, seeds), 0.2) + rng.normal(0, 0.001, (5, seeds))
    assert len(shown_beyond(sure, range(5), 0.02, 0.01)) == 5
    assert not shown_beyond(sure[:, :1], range(5), 0.02, 0.01)


def test_the_levels_of_all_comparisons_of_one_arm_add_up_to_the_share():
    for decisions, arms in ((1, 2), (5, 20), (7, 3)):
        assert decisions * (arms - 1) * level_of_a_pair(0.05, decisions, arms) == pytest.approx(0.05)
