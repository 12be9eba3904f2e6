"""Short forms of what bench/robustness does at length: a study that is killed again and again, and damaged files."""

import pytest
from bench.robustness import damage, kills

pytestmark = pytest.mark.slow


def test_a_study_that_is_killed_ends_as_if_it_had_not_been():
    found = kills.run(minutes=5, seed=4, points=2, engine="torch")
    assert found["points"] == 2
    assert found["failures"] == []
    assert (found["equal"], found["leftovers"]) == (found["chains"], 0)


def test_damage_is_said_or_refused_and_never_served():
    found = damage.run(minutes=5, seed=1, engine="torch", at_most=4)
    assert found["failures"] == []
    assert found["remade"] >= 2, "of the progress files, which come first"
    assert found["flips"] + found["truncations"] == 4
