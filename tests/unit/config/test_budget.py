"""Budgets as they are typed, and beside which options they cannot stand."""

import pytest

from bench_freeze.config.budget import Budget, parse_budget
from bench_freeze.errors import InputError
from tests.builders import study


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", Budget(seconds=7200.0)),
        ("30m", Budget(seconds=1800.0)),
        ("30 min", Budget(seconds=1800.0)),
        (" 90S ", Budget(seconds=90.0)),
        ("1.5d", Budget(seconds=129_600.0)),
        ("40%", Budget(share=0.4)),
        ("100 %", Budget(share=1.0)),
        (".5%", Budget(share=0.005)),
    ],
)
def test_times_and_shares(text, expected):
    assert parse_budget(text) == expected


@pytest.mark.parametrize(
    "text", ["", "2", "h", "2x", "-1h", "1e3s", "2h30m", "40%%", "nan%", "infh", "1_0s", "٣h", "2h\n3"]
)
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(InputError, match="neither a time nor a share"):
        parse_budget(text)


@pytest.mark.parametrize("text", ["0h", "0.0%", "101%"])
def test_what_cannot_be_spent_is_refused(text):
    with pytest.raises(InputError, match="out of range"):
        parse_budget(text)


@pytest.mark.parametrize(
    ("beside", "says"),
    [
        ({"patience": 3, "val_every": 1}, "patience = 3"),
        ({"data_fractions": [0.5, 1.0]}, "data_fractions"),
        ({"scratch": True, "scratch_epochs": 9}, "scratch_epochs = 9"),
        ({"executor": "ray"}, "executor = ray"),
        ({"tuned": ["22=a.pt"]}, "trains nothing"),
    ],
)
def test_options_that_contradict_a_budget_are_named(beside, says):
    with pytest.raises(InputError, match=says):
        study(budget="40%", **beside)


def test_a_study_with_a_budget_holds_images_out():
    assert study(budget="40%").training.holds_out
    assert study(val_every=2).training.holds_out
    assert not study().training.holds_out
