"""Stages of the recipes: which layers are frozen from which epoch on."""

import pytest

from bench_freeze.config.recipe import Stage, share_of, stages_of
from bench_freeze.errors import InputError
from bench_freeze.finetune.arm import Arm


def stages(recipe, freeze, epochs=10, schedule=None):
    return stages_of(recipe, freeze, head=22, depths=(22, 15, 10), epochs=epochs, lp_share=0.3, schedule=schedule)


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
    with pytest.raises(InputError, match="never comes down to freeze 4"):
        stages("gradual", 4, schedule="22@0,15@4")


@pytest.mark.parametrize(("recipe", "epochs"), [("lp_ft", 1), ("gradual", 2)])
def test_stages_that_do_not_fit_are_refused(recipe, epochs):
    with pytest.raises(InputError, match="give more --epochs"):
        stages(recipe, 10, epochs=epochs)
    with pytest.raises(InputError, match="give more --epochs"):
        stages("gradual", 10, epochs=6, schedule="22@0,10@6")


def test_the_share_is_in_the_name():
    assert share_of("replay_0.05", "replay") == 0.05
    assert share_of("static", "replay") is None


def test_an_arm_knows_the_depth_whose_capacity_it_has():
    assert Arm(10, 0, "matched_22").matched_depth == 22
    assert Arm(10, 0, "replay_0.05").matched_depth is None
    assert Arm(10, 0, "matched_22").source == Arm(10, 0, "matched_22")
