"""The terms of a race, as a study's options set them, and what is left to do by them."""

import pytest

from bench_freeze.config.budget import parse_budget
from bench_freeze.errors import InputError
from bench_freeze.racing.bought import bought, seeds_bought
from bench_freeze.study.plan import Plan, Work
from bench_freeze.study.race_plan import Buys, seconds_within, units_after_race
from bench_freeze.study.race_terms import course_of, fewest_passes, limit_of, looks_of_race, max_base_drop
from tests.builders import study, training


def test_decisions_follow_the_schedule_that_ultralytics_arguments_ask_for():
    usual = looks_of_race(training(budget="40%", epochs=50))
    assert usual == (5, 8, 16, 26, 50)
    constant = looks_of_race(training(budget="40%", epochs=50, train_args={"lrf": 1.0, "warmup_epochs": 0}))
    assert constant == (6, 12, 25, 37, 50) or constant == (6, 13, 25, 38, 50)
    sparse = looks_of_race(training(budget="40%", epochs=50, val_every=10))
    assert set(sparse[:-1]) <= {10, 20, 30, 40}


def test_base_map_is_a_constraint_where_it_was_asked_for_and_no_model_keeps_it_anyway():
    assert max_base_drop(study(budget="40%", max_base_drop=0.01, construction=["grafted"])) == 0.01
    assert max_base_drop(study(budget="40%", max_base_drop=0.01, construction=["grafted", "branched"])) is None
    assert max_base_drop(study(budget="40%", construction=["grafted"])) is None
    assert max_base_drop(study(max_base_drop=0.01, construction=["grafted"])) is None


@pytest.mark.parametrize(("arms", "seeds"), [(1, 1), (3, 2), (20, 3)])
def test_a_share_is_of_all_arms_and_seeds_and_must_let_one_arm_end(arms, seeds):
    asked = study(budget="40%", epochs=50, seeds=list(range(seeds)))
    course = course_of(asked, [f"arm {k}" for k in range(arms)])
    passes = [1000.0] * arms
    least = fewest_passes(passes, course)
    grid = arms * seeds * 1000.0
    assert limit_of("100%", passes, course).amount == pytest.approx(grid)
    percent = 100 * least / grid
    assert limit_of(f"{min(percent + 0.001, 100):.6f}%", passes, course).unit == "image passes"
    with pytest.raises(InputError, match="too little"):
        limit_of(f"{0.99 * percent:.6f}%", passes, course)
    assert limit_of("2h", passes, course).amount == 7200


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5, 0.8])
def test_what_a_budget_buys_fits_into_it_and_never_grows(share):
    course = course_of(study(budget="40%", epochs=50, seeds=[0, 1, 2]), [f"arm {k}" for k in range(20)])
    stages = bought(course, 1.0, share * 3000)
    assert [epoch for epoch, _ in stages] == [5, 8, 16, 26]
    going = [arms for _, arms in stages]
    assert going == sorted(going, reverse=True)
    assert going[-1] >= 1
    spent = 20 * 5 + sum(arms * (after - epoch) for (epoch, arms), after in zip(stages, course.epochs[1:], strict=True))
    further = seeds_bought(course, 1.0, share * 3000)
    assert [going[-1], *further] == sorted([going[-1], *further], reverse=True)
    assert spent + sum(50 * arms for arms in further) <= share * 3000
    if share > 0.3:  # of a budget that is not small, a second seed of some arms is set aside
        assert further[0] >= 3


def buys(budget, arms=4, seeds=(0, 1, 2), pass_s=None):
    """Arms of 1,000 image passes a seed."""
    course = course_of(study(budget=budget, epochs=50, seeds=list(seeds)), [f"arm {k}" for k in range(arms)])
    return Buys(budget, parse_budget(budget), course, (1000.0,) * arms, pass_s)


def planned(arms=4, seeds=3):
    """An original that is deployed, run on 10 images and timed; every arm and seed, trained and run on 30."""
    works = [Work("deploy", "original", 1, None), Work("run", "original", 10, None), Work("time", "original", 1, None)]
    for name in (f"arm {k} seed {seed}" for k in range(arms) for seed in range(seeds)):
        works += [Work("train", name, 1000, False), Work("deploy", name, 1, None), Work("run", name, 30, None)]
        works += [Work("time", name, 1, None)]
    return Plan(tuple(works), (), 0)


RACED = {f"arm {k} seed {seed}" for k in range(4) for seed in range(3)}
WHOLE = {"train": 12_000.0, "deploy": 130.0, "run": 37.0, "time": 26.0}


@pytest.mark.parametrize("budget", ["40%", "80m"])
def test_a_plan_s_total_is_that_of_the_budget(budget):
    """A share of 12,000 passes of a second each, and the same as a time: 4,800 s. Four arms end on one seed."""
    found = buys(budget, pass_s=1.0)
    assert found.limit == pytest.approx(4800)
    ended = found.stages[-1][1]
    assert (ended, found.further) == (4, [])
    within = seconds_within(found, RACED, planned(), WHOLE)
    assert within["train"] == pytest.approx(4800)
    arms, seeds = found.finished
    assert arms == ended
    of_racers = arms * seeds / 12  # of twelve trainings
    assert within["deploy"] == pytest.approx(10 + 120 * of_racers)
    assert within["run"] == pytest.approx(37 * (10 + 360 * of_racers) / 370)
    assert within["time"] == pytest.approx(2 + 24 * of_racers)


@pytest.mark.parametrize("percent", [35, 45, 60, 75, 90, 100])
@pytest.mark.parametrize("seeds", [1, 2, 3, 6])
def test_what_finishes_is_what_the_budget_pays_for(percent, seeds):
    """Counted stage by stage: it fits, and another seed of two arms would not."""
    found = buys(f"{percent}%", seeds=range(seeds))
    arms, ended_on = found.finished
    spent, running, before = 0.0, 4, 0
    going = dict(found.stages)
    for epoch in found.course.epochs:
        spent += running * (epoch - before) * 20
        running, before = going.get(epoch, running), epoch
    for more in found.further:
        assert more <= running
        running = more
        spent += running * 1000
    assert (running, 1 + len(found.further)) == (arms, ended_on)
    assert spent <= found.limit + 1e-6
    assert ended_on == seeds or spent + min(2, arms) * 1000 > found.limit
    if percent == 100:
        assert (arms, ended_on, found.share_to_the_end) == (4, seeds, 1)


def test_a_plan_s_total_is_never_more_than_all_arms_take():
    generous = seconds_within(buys("100h", pass_s=1.0), RACED, planned(), WHOLE)
    assert generous["train"] == WHOLE["train"]
    assert all(generous[kind] <= WHOLE[kind] for kind in WHOLE)
    kept = seconds_within(buys("2h"), RACED, planned(), {"deploy": 130.0})  # every training is kept: none was tried
    assert set(kept) == {"deploy"}
    assert buys("2h").sentences() == ["Budget 2h: no training is left that could be timed."]


def test_behind_a_race_only_the_arms_that_are_left_are_to_do():
    asked = study(budget="40%", epochs=50)
    left = {"arm 1 seed 0", "arm 1 seed 1"}
    units = units_after_race(planned(), asked, left)
    assert (units["train"], units["deploy"], units["run"]) == (0, 2, 60)
    assert units["time"] == pytest.approx(planned().units_to_do(asked.analysis)["time"] * 2 / 13)
