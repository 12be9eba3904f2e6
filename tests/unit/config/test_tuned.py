"""What `--tuned` may say."""

import re

import pytest

from bench_freeze.config.tuned import TunedEntry, tuned_entry
from bench_freeze.errors import InputError
from bench_freeze.results.recipe import GIVEN, Recipe, given_recipe, is_given
from tests.builders import study


@pytest.mark.parametrize(
    ("text", "freeze", "seed", "place"),
    [
        ("a.pt", None, None, "a.pt"),
        ("22=a.pt", 22, None, "a.pt"),
        (" 22 / 1 = runs/a b/best.pt ", 22, 1, "runs/a b/best.pt"),
        ("0/4294967295=x", 0, 2**32 - 1, "x"),
        ("runs/*/weights/best.pt", None, None, "runs/*/weights/best.pt"),
        ("runs/lr=0.1/best.pt", None, None, "runs/lr=0.1/best.pt"),
        ("22/0/best.pt", None, None, "22/0/best.pt"),
        ("10=runs/lr=0.1/best.pt", 10, None, "runs/lr=0.1/best.pt"),
        ("./22=a.pt", None, None, "./22=a.pt"),
    ],
)
def test_entries(text, freeze, seed, place):
    assert tuned_entry(text) == TunedEntry(text, freeze, seed, place)


@pytest.mark.parametrize(
    ("tuned", "sentence"),
    [
        ("22=", "does not name a file"),
        (" ", "does not name a file"),
        ("-1=a.pt", "freeze depth -1 is not possible"),
        ("99999=a.pt", "freeze depth 99999 is not possible"),
        ("22/-1=a.pt", "seed -1 is out of range"),
        ("22/4294967296=a.pt", "seed 4294967296 is out of range"),
        (("a.pt", "a.pt"), "names 'a.pt' twice"),
        (("22/0=a.pt", "22/0=b.pt"), "names seed 0 of freeze 22 twice"),
    ],
)
def test_what_cannot_be(tuned, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        study(tuned=tuned)


@pytest.mark.parametrize(
    "options",
    [
        {"recipe": "distill"},
        {"replay": 0.1},
        {"interpolate": 0.5},
        {"match_capacity": 22},
        {"lr_search": 3, "lr0": 0.01, "optimizer": "SGD"},
        {"data_fractions": [0.5, 1.0]},
    ],
)
def test_checkpoints_alone_train_nothing_and_what_asks_for_trainings_says_so(options):
    name = next(iter(options))
    with pytest.raises(InputError, match=f"{name} is a training option, and tuned without freeze trains nothing"):
        study(tuned="a.pt", **options)
    study(tuned="a.pt", freeze=[22, 10], **options)


def test_the_depths_that_are_trained():
    assert study().training.depths((22, 15)) == (22, 15)
    assert study(tuned="a.pt").training.depths((22, 15)) == ()
    assert study(tuned="a.pt", freeze=5).training.depths((22, 15)) == (5,)
    assert study(tuned="a.pt", scratch=True).training.trainings(()) == [(0, Recipe("scratch"))]


def test_a_given_recipe_is_known_by_its_name():
    for name in ("run1/best", "a_0.5", "given"):
        recipe = given_recipe(name)
        assert is_given(recipe.name)
        assert Recipe.named(recipe.name) == recipe
    assert given_recipe(None) == GIVEN
    assert not any(map(is_given, ("static", "replay_0.5", "givens")))
