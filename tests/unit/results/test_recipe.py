"""Stages of the recipes: which layers are frozen from which epoch on."""

import pytest

from bench_freeze.config.recipe import Stage, stages_of
from bench_freeze.errors import InputError
from bench_freeze.finetune.arm import Arm
from bench_freeze.results.recipe import Recipe


def stages(recipe, freeze, epochs=10, schedule=None):
    return stages_of(
        Recipe.named(recipe), freeze, head=22, depths=(22, 15, 10), epochs=epochs, lp_share=0.3, schedule=schedule
    )


def test_a_static_arm_has_one_stage():
    assert stages("static", 10) == (Stage(0, 10),)
    assert stages("replay_0.05", 10) == (Stage(0, 10),)


def test_lp_ft_trains_the_head_alone_first():
    assert stages("lp_ft", 10) == (Stage(0, 22), Stage(3, 10))
    assert stages("lp_ft", 10, epochs=2) == (Stage(0, 22), Stage(1, 10))
    assert stages("lp_ft", 22) == (Stage(0, 22),)


def test_gradual_goes_down_in_equal_shares():
    assert stages("gradual", 10, epochs=9) == (Stage(0, 22), Stage(3, 15), Stage(6, 10))
    assert stages("gradual", 15) == (Stage(0, 22), Stage(5, 15))
    assert stages("gradual", 4, epochs=8) == (Stage(0, 22), Stage(2, 15), Stage(4, 10), Stage(6, 4))


def test_a_schedule_is_cut_at_the_depth_of_the_arm():
    assert stages("gradual", 15, schedule="22@0,15@4,10@6") == (Stage(0, 22), Stage(4, 15))
    with pytest.raises(InputError, match="never reaches freeze 4"):
        stages("gradual", 4, schedule="22@0,15@4")


@pytest.mark.parametrize(("recipe", "epochs"), [("lp_ft", 1), ("gradual", 2)])
def test_stages_that_do_not_fit_are_refused(recipe, epochs):
    with pytest.raises(InputError, match="give more --epochs"):
        stages(recipe, 10, epochs=epochs)
    with pytest.raises(InputError, match="give more --epochs"):
        stages("gradual", 10, epochs=6, schedule="22@0,10@6")


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        (Recipe("static"), "static"),
        (Recipe("lp_ft"), "lp_ft"),
        (Recipe("replay", 0.05), "replay_0.05"),
        (Recipe("replay", 1), "replay_1"),
        (Recipe("interpolate", 1e-05), "interpolate_1e-05"),
        (Recipe("matched", 22), "matched_22"),
    ],
)
def test_a_recipe_and_its_name_say_the_same(recipe, name):
    assert recipe.name == name
    assert Recipe.named(name) == recipe


def test_an_amount_is_what_the_name_says():
    """Trainings are kept by the name, so more digits than it has must not make another training."""
    assert Recipe("replay", 0.123456789).amount == 0.123457


@pytest.mark.parametrize("name", ["replay_some", "matched_", "_", "", "curriculum_0.5"])
def test_an_unknown_name_stays_as_it_is(name):
    assert Recipe.named(name).name == name


def test_an_arm_knows_the_depth_whose_capacity_it_has():
    assert Arm(10, 0, Recipe.named("matched_22")).matched_depth == 22
    assert Arm(10, 0, Recipe.named("replay_0.05")).matched_depth is None
    assert Arm(10, 0, Recipe.named("matched_22")).source == Arm(10, 0, Recipe.named("matched_22"))
