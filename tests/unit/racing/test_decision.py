"""One decision: which arms stop, for which of the reasons, and the words."""

import numpy as np
import pytest

from bench_freeze.racing.decision import Course, Purse, Seen, decide, ranked

NAMES = ("freeze 0", "freeze 10", "freeze 15", "freeze 22")


def course(**own):
    return Course(**{"names": NAMES, "epochs": (5, 10, 40), "seeds": (0, 1, 2)} | own)


def look(epoch, *means, drop=None, noise=0.001):
    target = np.array(means)[:, None] + noise * np.array([[1, -1], [-1, 1], [1, -1], [-1, 1]])[: len(means)]
    lost = None if drop is None else np.array(drop)[:, None] + noise * np.array([1.0, -1.0])
    return Seen(epoch, target, lost)


END = look(40, 0.4, 0.41, 0.4, 0.05, noise=0.01)
FIRST = Seen(5, np.array([[0.31], [0.33], [0.3], [0.05]]))


def why(stops):
    return {NAMES[stop.arm]: stop.why for stop in stops}


def test_the_reason_names_the_rival_the_gap_and_the_seeds():
    (stop,) = decide(course(), range(4), END)
    assert (stop.arm, stop.epoch, stop.why) == (3, 40, "worse")
    assert stop.reason == (
        "shown to be worse than freeze 10: 0.360 of held-out target mAP behind it on average over 2 seeds"
    )


@pytest.mark.parametrize("epoch", [5, 10, 40])
def test_one_seed_shows_nothing(epoch):
    far = Seen(epoch, np.array([[0.9], [0.5], [0.1], [0.0]]), np.array([[0.9], [0.5], [0.1], [0.0]]))
    assert not decide(course(), range(4), far)
    assert not decide(course(max_base_drop=0.05), range(4), far)


def test_an_arm_beyond_the_base_constraint_stops_and_is_nobodys_rival():
    end = look(40, 0.6, 0.41, 0.4, 0.05, drop=[0.3, 0.0, 0.0, 0.0])
    found = decide(course(max_base_drop=0.05), range(4), end)
    assert why(found) == {"freeze 0": "base", "freeze 22": "worse"}
    assert "--max-base-drop 0.05: 0.300 on average over 2 seeds" in found[0].reason
    assert "freeze 10" in found[1].reason
    assert "freeze 0" in decide(course(), range(4), end)[-1].reason


@pytest.mark.parametrize(
    ("drop", "noise", "stops"), [(0.06, 0.2, 0), (0.04, 0.2, 0), (0.04, 0.001, 3), (0.06, 0.001, 1)]
)
def test_only_an_arm_that_is_shown_to_keep_the_constraint_stops_another(drop, noise, stops):
    """It may turn out that it cannot be picked: then the arm that it stopped would have been the one."""
    lost = np.array([[drop], [0.0], [0.0], [0.0]]) + noise * np.array([1.0, -1.0])
    now = Seen(40, look(40, 0.6, 0.3, 0.3, 0.3).target, lost)
    found = decide(course(max_base_drop=0.05), range(4), now)
    assert len(found) == stops
    assert {stop.why for stop in found} == ({"base"} if stops == 1 else {"worse"} if stops else set())
    assert len(decide(course(), range(4), now)) == 3


def test_an_arm_that_seems_beyond_the_constraint_comes_last_for_the_budget():
    drop = np.array([[0.06, 0.06], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    now = Seen(40, look(40, 0.6, 0.3, 0.3, 0.3).target, drop)
    assert ranked(range(4), now, now, 0.05) == [1, 2, 3, 0]
    assert ranked(range(4), now, now, 0.07) == [0, 1, 2, 3]
    assert ranked(range(4), now, None, 0.05) == [0, 1, 2, 3]  # what the first epochs lose may be won back


def test_where_all_are_beyond_the_constraint_the_one_that_lost_least_goes_on():
    end = look(40, 0.4, 0.41, 0.4, 0.42, drop=[0.3, 0.2, 0.1, 0.25])
    found = decide(course(max_base_drop=0.05), range(4), end)
    assert why(found) == {"freeze 0": "base", "freeze 10": "base", "freeze 22": "base"}


def purse(left, stages=2):
    return Purse(left, dict.fromkeys(range(4), 10.0), dict.fromkeys(range(4), 70.0), stages)


def test_the_budget_stops_arms_by_rank_and_says_that_nothing_was_shown():
    found = decide(course(), range(4), FIRST, purse(80))
    assert why(found) == {"freeze 15": "budget", "freeze 22": "budget"}
    assert found[0].reason.startswith("not shown to be worse: the budget has room for 2 of the 4 arms left")
    assert "number 3 (0.3" in found[0].reason


def test_what_is_shown_to_be_worse_makes_room_first():
    assert why(decide(course(), range(4), END, purse(1000))) == {"freeze 22": "worse"}
    found = decide(course(), range(4), END, purse(80))
    assert why(found) == {"freeze 22": "worse", "freeze 15": "budget"}


def test_one_goes_on_whatever_is_left():
    assert len(decide(course(), range(4), FIRST, purse(0))) == 3
    assert not decide(course(), [2], FIRST, purse(0))


def test_equal_arms_are_ranked_in_their_order():
    now = Seen(10, np.array([[0.1], [0.3], [0.3], [0.2]]))
    assert ranked([0, 1, 2, 3], now, None) == [1, 2, 3, 0]


def test_an_arm_that_rises_faster_promises_more():
    now, before = Seen(10, np.array([[0.3], [0.25]])), Seen(5, np.array([[0.28], [0.1]]))
    assert ranked([0, 1], now, None) == [0, 1]
    assert ranked([0, 1], now, before) == [1, 0]


def test_the_error_is_shared_by_the_decisions_that_can_show_something():
    assert course().decisions == 2
    assert course(seeds=(7, 3, 5, 1)).decisions == 3
    assert course(seeds=(0,)).decisions == 1
    assert course(seeds=(7, 3)).opening == 7
    assert course().further == (1, 2)
    assert course().level * course().decisions * 3 == pytest.approx(course().alpha)


def test_arms_that_ended_are_ranked_for_another_seed_by_what_they_reached():
    """Neither the rise nor, with a limit, what the first epochs lost counts any more."""
    end = Seen(40, np.array([[0.40], [0.42], [0.41], [0.30]]), np.array([[0.0], [0.2], [0.0], [0.0]]))
    again = Purse(100.0, dict.fromkeys(range(4), 40.0), dict.fromkeys(range(4), 40.0), 1)
    found = decide(course(), range(4), end, again)
    assert why(found) == {"freeze 0": "budget", "freeze 22": "budget"}
    assert (
        "room for 2 of the 4 arms left on another seed, and by held-out mAP it is number 3 (0.400;" in found[0].reason
    )
    within = decide(course(max_base_drop=0.1), range(4), end, again)
    assert why(within) == {"freeze 10": "budget", "freeze 22": "budget"}
