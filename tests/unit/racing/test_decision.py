"""One decision: which arms stop, for which of the reasons, and the words."""

import numpy as np
import pytest

from bench_freeze.racing.decision import Course, Purse, Seen, decide, ranked

NAMES = ("freeze 0", "freeze 10", "freeze 15", "freeze 22")


def course(**own):
    usual = {
        "names": NAMES, "comparable_from": (0, 0, 0, 0), "epochs": (5, 10, 40), "seeds": (0, 1, 2),
    }  # fmt: skip
    return Course(**usual | own)


def look(epoch, *means, drop=None, noise=0.001):
    target = np.array(means)[:, None] + noise * np.array([[1, -1], [-1, 1], [1, -1], [-1, 1]])[: len(means)]
    lost = None if drop is None else np.array(drop)[:, None] + noise * np.array([1.0, -1.0])
    return Seen(epoch, target, lost)


FIRST = look(5, 0.3, 0.3, 0.3, 0.05)
NOW = look(10, 0.4, 0.41, 0.4, 0.05)


def why(stops):
    return {NAMES[stop.arm]: stop.why for stop in stops}


def test_the_reason_names_the_rival_the_gap_and_the_seeds():
    (stop,) = decide(course(), range(4), NOW, FIRST, None)
    assert (stop.arm, stop.epoch, stop.why) == (3, 10, "worse")
    assert "freeze 10: 0.360 of held-out target mAP behind it on average over 2 seeds" in stop.reason


def test_the_first_decision_knows_no_pace_and_shows_nothing():
    assert not decide(course(), range(4), FIRST, None, None)


def test_at_the_end_no_pace_is_needed():
    end = look(40, 0.4, 0.41, 0.4, 0.05)
    assert why(decide(course(), range(4), end, None, None)) == {"freeze 22": "worse"}


@pytest.mark.parametrize(("begins", "stops"), [(0, True), (4, True), (5, False), (12, False)])
def test_an_arm_is_judged_by_epochs_in_which_it_trained_all_that_it_will(begins, stops):
    found = decide(course(comparable_from=(0, 0, 0, begins)), range(4), NOW, FIRST, None)
    assert (why(found) == {"freeze 22": "worse"}) == stops


def test_an_arm_beyond_the_base_constraint_stops_and_is_nobodys_rival():
    now = look(10, 0.6, 0.41, 0.4, 0.05, drop=[0.3, 0.0, 0.0, 0.0])
    before = look(5, 0.3, 0.3, 0.3, 0.05, drop=[0.2, 0.0, 0.0, 0.0])
    found = decide(course(max_base_drop=0.05), range(4), now, before, None)
    assert why(found) == {"freeze 0": "base", "freeze 22": "worse"}
    assert "--max-base-drop 0.05: 0.300" in found[0].reason
    assert "freeze 10" in found[1].reason
    assert why(decide(course(), range(4), now, before, None))["freeze 22"] == "worse"


def test_an_arm_that_only_seems_beyond_the_constraint_is_nobodys_rival_and_comes_last_for_the_budget():
    """It may turn out that it cannot be picked: then the arm that it stopped would have been the one."""
    noisy = np.array([0.2, -0.2])  # nothing is shown
    drop = np.array([[0.06, 0.06], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]) + noisy
    now = Seen(40, look(40, 0.6, 0.3, 0.3, 0.3).target, drop)
    assert not decide(course(max_base_drop=0.05), range(4), now, None, None)
    assert set(why(decide(course(max_base_drop=0.07), range(4), now, None, None)).values()) == {"worse"}
    assert ranked(range(4), now, now, 0.05) == [1, 2, 3, 0]
    assert ranked(range(4), now, now, 0.07) == [0, 1, 2, 3]
    assert ranked(range(4), now, None, 0.05) == [0, 1, 2, 3]  # what the first epochs lose may be won back
    rising = Seen(10, look(10, 0.6, 0.3, 0.3, 0.3).target, drop - 0.03)  # will be beyond at the end, at its pace
    first = Seen(5, look(5, 0.3, 0.2, 0.2, 0.2).target, drop - 0.04)
    assert "worse" not in why(decide(course(max_base_drop=0.05), range(4), rising, first, None)).values()


def test_where_all_are_beyond_the_constraint_the_one_that_lost_least_goes_on():
    end = look(40, 0.4, 0.41, 0.4, 0.42, drop=[0.3, 0.2, 0.1, 0.25])
    found = decide(course(max_base_drop=0.05), range(4), end, None, None)
    assert why(found) == {"freeze 0": "base", "freeze 10": "base", "freeze 22": "base"}


def purse(left, stages=2):
    return Purse(left, dict.fromkeys(range(4), 10.0), dict.fromkeys(range(4), 70.0), stages)


def test_the_budget_stops_arms_by_rank_and_says_that_nothing_was_shown():
    found = decide(course(), range(4), FIRST, None, purse(80))
    assert why(found) == {"freeze 15": "budget", "freeze 22": "budget"}
    assert found[0].reason.startswith("not shown to be worse: the budget has room for 2 of the 4 arms left")
    assert "number 3 (0.3" in found[0].reason


def test_what_is_shown_to_be_worse_makes_room_first():
    found = decide(course(), range(4), NOW, FIRST, purse(1000))
    assert why(found) == {"freeze 22": "worse"}
    found = decide(course(), range(4), NOW, FIRST, purse(80))
    assert why(found) == {"freeze 22": "worse", "freeze 15": "budget"}


def test_one_goes_on_whatever_is_left():
    assert len(decide(course(), range(4), FIRST, None, purse(0))) == 3
    assert not decide(course(), [2], FIRST, None, purse(0))


def test_equal_arms_are_ranked_in_their_order():
    now = Seen(10, np.array([[0.1], [0.3], [0.3], [0.2]]))
    assert ranked([0, 1, 2, 3], now, None) == [1, 2, 3, 0]


def test_an_arm_that_rises_faster_promises_more():
    now, before = Seen(10, np.array([[0.3], [0.25]])), Seen(5, np.array([[0.28], [0.1]]))
    assert ranked([0, 1], now, None) == [0, 1]
    assert ranked([0, 1], now, before) == [1, 0]


def test_decisions_are_counted_for_the_error_on_the_way_and_after_each_further_seed():
    assert course().decisions == 5
    assert course(seeds=(0,)).decisions == 3
    assert course().opening == (0,)
    assert course().further == (1, 2)


def test_arms_that_ended_are_ranked_for_another_seed_by_what_they_reached():
    """Neither the rise nor, with a limit, what the first epochs lost counts any more."""
    end = Seen(40, np.array([[0.40], [0.42], [0.41], [0.30]]), np.array([[0.0], [0.2], [0.0], [0.0]]))
    before = Seen(10, np.array([[0.1], [0.42], [0.41], [0.30]]), np.array([[0.3], [0.0], [0.0], [0.0]]))
    again = Purse(100.0, dict.fromkeys(range(4), 40.0), dict.fromkeys(range(4), 40.0), 1)
    found = decide(course(), range(4), end, before, again)
    assert why(found) == {"freeze 0": "budget", "freeze 22": "budget"}
    assert (
        "room for 2 of the 4 arms left on another seed, and by held-out mAP it is number 3 (0.400;" in found[0].reason
    )
    within = decide(course(max_base_drop=0.1), range(4), end, before, again)
    assert why(within) == {"freeze 10": "budget", "freeze 22": "budget"}
