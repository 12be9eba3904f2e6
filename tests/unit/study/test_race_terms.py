"""The terms of a race, as a study's options set them."""

import pytest

from bench_freeze.errors import InputError
from bench_freeze.racing.bought import bought
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
    course = course_of(asked, [f"arm {k}" for k in range(arms)], [0] * arms)
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
    course = course_of(study(budget="40%", epochs=50, seeds=[0, 1, 2]), [f"arm {k}" for k in range(20)], [0] * 20)
    stages = bought(course, 1.0, share * 3000)
    assert [epoch for epoch, _ in stages] == [5, 8, 16, 26]
    going = [arms for _, arms in stages]
    assert going == sorted(going, reverse=True)
    assert going[-1] >= 1
    spent = 20 * 2 * 5 + sum(
        2 * arms * (after - epoch) for (epoch, arms), after in zip(stages, course.epochs[1:], strict=True)
    )
    assert spent <= share * 3000
