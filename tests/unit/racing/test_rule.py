"""Arms that are shown to be worse: how often the best one is among them, in races whose truth is known."""

import math

import numpy as np
import pytest

from bench_freeze.racing.decision import Course, Seen, decide
from bench_freeze.racing.rule import level_of_a_pair, shown_beyond, shown_worse
from bench_freeze.stats.student import two_sided_p

TIMES = (0.13, 0.24, 0.5, 0.76, 1.0)
EPOCHS = (2, 5, 11, 19, 40)


def equal(rng, arms):
    """All arms are one."""
    return np.tile(np.array(TIMES)[:, None] * 0.4, (1, arms))


def tied_for_the_best(rng, arms):
    """Half of the arms are as good as the best one, the others are behind by anything."""
    ends = np.where(np.arange(arms) < arms // 2, 0.5, 0.5 - 0.3 * rng.random(arms))
    return np.sqrt(TIMES)[:, None] * ends


def catching_up(rng, arms):
    """The best arm is behind all others and closes the gap by as much in every epoch, to nothing at the end."""
    gaps = np.zeros(arms)
    gaps[0] = rng.uniform(0.1, 0.5)
    return 0.5 - (1 - np.array(EPOCHS) / EPOCHS[-1])[:, None] * gaps


def overtaking(rng, arms):
    """The best arm rises late, and ever more slowly."""
    speeds = np.full(arms, 0.1)
    speeds[0] = rng.uniform(0.2, 0.5)
    ends = np.where(np.arange(arms) == 0, 0.55, rng.uniform(0.3, 0.5, arms))
    risen = (1 - np.exp(-np.array(TIMES)[:, None] / speeds)) / (1 - np.exp(-1 / speeds))
    return risen * ends


def seen_of(rng, curves, seeds, spreads):
    """[looks, arms, seeds]: what a seed does to all arms is large, and an arm's own deviation stays in part."""
    looks, arms = curves.shape
    shape = (looks, arms, seeds)
    lasting, passing = rng.standard_normal((arms, seeds)), rng.standard_normal(shape)
    own = (0.7 * lasting + math.sqrt(1 - 0.49) * passing) * np.asarray(spreads)[:, None]
    return curves[:, :, None] + 0.08 * rng.standard_normal(seeds) + own


def stopped_in(values, alpha=0.05):
    """The arms that a race stops as worse, by the real decisions."""
    looks, arms, seeds = values.shape
    names = tuple(f"arm {k}" for k in range(arms))
    course = Course(names, (0,) * arms, EPOCHS, tuple(range(seeds)), alpha=alpha)
    running, before, stopped = list(range(arms)), None, {}
    for k in range(looks):
        seen = Seen(EPOCHS[k], values[k])
        for stop in decide(course, running, seen, before, None):
            stopped[stop.arm] = stop
        running = [arm for arm in running if arm not in stopped]
        before = seen
    return stopped


@pytest.mark.parametrize("curves", [equal, tied_for_the_best, catching_up, overtaking])
@pytest.mark.parametrize(("arms", "seeds"), [(4, 2), (16, 2), (7, 5)])
@pytest.mark.parametrize("uneven", [False, True])
def test_the_best_arm_is_stopped_as_worse_in_no_more_than_the_stated_share_of_races(curves, arms, seeds, uneven):
    rng = np.random.default_rng([arms, seeds, uneven])
    races, alpha, wrong = 250, 0.2, 0  # a large share, so that one that is too large is seen in few races
    for _ in range(races):
        spreads = rng.uniform(0.01, 0.03, arms) if uneven else np.full(arms, 0.02)
        made = curves(rng, arms)
        wrong += int(np.argmax(made[-1])) in stopped_in(seen_of(rng, made, seeds, spreads), alpha)
    assert wrong / races <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / races)


def test_an_arm_far_behind_is_stopped_long_before_the_end():
    rng = np.random.default_rng(1)
    ends = np.array([0.5, 0.49, 0.48, 0.1])
    found = [stopped_in(seen_of(rng, np.sqrt(TIMES)[:, None] * ends, 2, [0.01] * 4)) for _ in range(50)]
    assert sum(3 in one and one[3].epoch < EPOCHS[-1] for one in found) > 40
    assert all(one[3].why == "worse" for one in found if 3 in one)


def test_one_seed_shows_nothing():
    rng = np.random.default_rng(2)
    values = seen_of(rng, np.sqrt(TIMES)[:, None] * np.array([0.6, 0.01, 0.5]), 1, [0.001] * 3)
    assert not stopped_in(values)


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_of_two_arms_it_is_the_paired_t_test(seeds):
    rng = np.random.default_rng(seeds)
    for _ in range(200):
        now = rng.normal(0.4, 0.05, (2, seeds))
        gaps = now[1] - now[0]
        t = gaps.mean() / (gaps.std(ddof=1) / math.sqrt(seeds))
        level = rng.uniform(0.01, 0.4)
        expected = t > 0 and two_sided_p(t, seeds - 1) / 2 < level
        assert (0 in shown_worse(now, now, 0.0, [0, 1], level)) == expected


def test_what_a_seed_does_to_all_arms_and_the_order_of_both_do_not_count():
    rng = np.random.default_rng(3)
    for _ in range(50):
        now, before = rng.normal(0.4, 0.05, (6, 3)), rng.normal(0.3, 0.05, (6, 3))
        found = shown_worse(now, before, 1.0, range(6), 0.2)
        moved = shown_worse(now + rng.normal(0, 1, 3), before + rng.normal(0, 1, 3), 1.0, range(6), 0.2)
        assert moved.keys() == found.keys()
        order = rng.permutation(6)
        again = shown_worse(now[order], before[order], 1.0, range(6), 0.2)
        assert {int(order[arm]) for arm in again} == found.keys()
        again = shown_worse(now[:, ::-1], before[:, ::-1], 1.0, range(6), 0.2)
        assert again.keys() == found.keys()


def test_an_arm_that_stopped_is_nobodys_rival():
    now = np.array([[0.9, 0.9], [np.nan, np.nan], [0.1, 0.11], [0.5, 0.49]])
    assert shown_worse(now, now, 0.0, [0, 2, 3], 0.1)[2].than == 0
    assert shown_worse(now, now, 0.0, [2, 3], 0.1)[2].than == 3


def test_an_arm_that_would_catch_up_goes_on():
    now = np.array([[0.50, 0.51], [0.40, 0.41], [0.40, 0.411]])
    before = np.array([[0.49, 0.50], [0.20, 0.21], [0.39, 0.40]])  # the second closes half of the gap at each step
    assert shown_worse(now, before, 2.0, range(3), 0.05).keys() == {2}
    assert shown_worse(now, before, 0.0, range(3), 0.05).keys() == {1, 2}


@pytest.mark.parametrize("seeds", [2, 4])
def test_an_arm_within_the_limit_is_stopped_in_no_more_than_the_stated_share(seeds):
    rng = np.random.default_rng(seeds)
    wrong = sum(
        0 in shown_beyond(loss, loss, 0.0, range(5), 0.02, 0.1)
        for loss in (0.02 + rng.normal(0, 0.01, (5, seeds)) for _ in range(600))
    )
    assert wrong / 600 <= 0.1 + 3 * math.sqrt(0.09 / 600)
    sure = np.full((5, seeds), 0.2) + rng.normal(0, 0.001, (5, seeds))
    assert len(shown_beyond(sure, sure, 0.0, range(5), 0.02, 0.01)) == 5
    assert not shown_beyond(sure[:, :1], sure[:, :1], 0.0, range(5), 0.02, 0.01)


def test_the_levels_of_all_comparisons_of_one_arm_add_up_to_the_share():
    for decisions, arms in ((1, 2), (5, 20), (7, 3)):
        assert decisions * (arms - 1) * level_of_a_pair(0.05, decisions, arms) == pytest.approx(0.05)
