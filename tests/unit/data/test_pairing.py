"""Which head is scored: the one that pairs most, by the rule that pairing has."""

from __future__ import annotations

import numpy as np
import pytest

from bench_freeze.data.classes import map_classes, names_by_number
from bench_freeze.data.pairing import choose_head
from bench_freeze.errors import InputError

WORDS = ("red_apple", "traffic-light", "Dog", "cat", "hot dog", "ORANGE", "pear", "tv")
SPELLINGS = (str.title, str.upper, str.lower, lambda n: n.replace("_", " "), lambda n: f" {n.replace('-', '_')} ")


@pytest.mark.parametrize("seed", range(60))
def test_the_head_that_pairs_most_is_chosen(seed):
    rng = np.random.default_rng(seed)

    def some():
        return tuple(
            SPELLINGS[rng.integers(len(SPELLINGS))](str(w)) for w in rng.permutation(WORDS)[: rng.integers(1, 9)]
        )

    heads, data = {"base": some(), "target": some()}, some()
    paired = {
        name: int((map_classes(own, data, unmatched="ignore", head="", data="").head_to_data >= 0).sum())
        for name, own in heads.items()
    }
    if paired["base"] == paired["target"]:
        with pytest.raises(InputError, match=rf"gt\.json.* {paired['base']} classes each.*--head"):
            choose_head(heads, data, "gt.json")
    else:
        assert choose_head(heads, data, "gt.json") == max(paired, key=paired.__getitem__)


def test_a_single_head_is_taken_whatever_its_classes():
    assert choose_head({"base": ("a",)}, ("b",), "gt.json") == "base"


@pytest.mark.parametrize("seed", range(20))
def test_names_stand_by_their_number(seed):
    rng = np.random.default_rng(seed)
    names = [f"class {k}" for k in range(int(rng.integers(1, 130)))]
    keys = rng.permutation(len(names)).tolist()
    for named in (names, tuple(names), {k: names[k] for k in keys}, {str(k): names[k] for k in keys}):
        assert names_by_number(named, "m") == tuple(names)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({0: "a", 2: "b"}, "class number 1 has no name, 2 has one"),
        ({1: "a", 2: "b"}, "class number 0 has no name"),
        ({"0": "a", "10": "b"}, "class number 1"),
        ({"1": "a", 1: "b", 0: "c"}, "1 is given twice"),
        ({"01": "a", "1": "b", "0": "c"}, "1 is given twice"),
        ({-1: "a", 0: "b"}, "'-1' is not a class number"),
        ({"-1": "a"}, "'-1' is not"),
        ({"x": "a"}, "'x' is not"),
        ({True: "a", 0: "b"}, "'True' is not"),
        ({0.0: "a"}, "'0.0' is not"),
        ({"²": "a"}, "is not a class number"),
        ({None: "a"}, "'None' is not"),
        ({}, "no class names"),
        ([], "no class names"),
        ("cat", "missing or cannot be read"),
        (None, "missing or cannot be read"),
        (80, "missing or cannot be read"),
        ([None], "name of class 0"),
        (["a", ""], "name of class 1"),
        ([["a"]], "name of class 0"),
    ],
)
def test_numbers_that_leave_a_class_open_are_refused(names, words):
    with pytest.raises(InputError, match=f"^the file: .*{words}"):
        names_by_number(names, "the file")
