"""Pairing of classes and categories by name."""

import numpy as np
import pytest

from bench_freeze.data.classes import map_classes, names_by_number
from bench_freeze.errors import InputError


def pair(head, data, unmatched="error"):
    return map_classes(head, data, unmatched=unmatched, head="the head", data="set.json")


def test_order_does_not_matter():
    assert pair(("a", "b", "c"), ("c", "a", "b")).head_to_data.tolist() == [1, 2, 0]


def test_case_and_underscores_do_not_matter():
    assert pair(("Traffic_Light",), ("traffic light",)).head_to_data.tolist() == [0]


def test_a_class_without_a_category_is_named():
    with pytest.raises(
        InputError, match=r"class 'tvmonitor' of the head has no category of set.json.*--unmatched-classes"
    ):
        pair(("tvmonitor", "cat"), ("cat", "tv"))


def test_a_category_without_a_class_is_named():
    with pytest.raises(InputError, match="category 'dog' of set.json has no class of the head"):
        pair(("cat",), ("cat", "dog"))


def test_ignoring_leaves_both_out_and_says_so():
    found = pair(("tvmonitor", "cat"), ("cat", "tv"), "ignore")
    assert found.head_to_data.tolist() == [-1, 0]
    assert found.left_out_classes == ("tvmonitor",)
    assert found.left_out_categories == ("tv",)


def test_two_alike_names_are_refused():
    with pytest.raises(InputError, match="two classes"):
        pair(("cat", "Cat"), ("cat",))
    with pytest.raises(InputError, match="two categories"):
        pair(("cat",), ("cat", "cat"))


@pytest.mark.parametrize("count", [1, 2, 11, 80, 120])
def test_names_stand_in_the_order_of_their_numbers(count):
    import random

    names = [f"name {k}" for k in range(count)]
    keys = list(range(count))
    random.Random(count).shuffle(keys)
    forms = [names, tuple(names), {k: names[k] for k in keys}, {str(k): names[k] for k in keys}]
    forms += [{str(k) if k % 2 else k: names[k] for k in keys}, {np.int64(k): names[k] for k in keys}]
    for form in forms:
        assert names_by_number(form, "a file") == tuple(names)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ({1: "a", 2: "b"}, "class number 0 has no name"),
        ({"0": "a", "2": "b", "10": "c"}, "class number 1 has no name"),
        ({"0": "a", 0: "b"}, "class number 0 is given twice"),
        ({"1": "a", "01": "b", 0: "c"}, "class number 1 is given twice"),
        ({-1: "a", 0: "b"}, "'-1' is not a class number"),
        ({"-1": "a", "0": "b"}, "'-1' is not a class number"),
        ({"cat": "a"}, "'cat' is not a class number"),
        ({0.5: "a"}, "'0.5' is not a class number"),
        ({True: "a", 0: "b"}, "'True' is not a class number"),
        ({None: "a"}, "'None' is not a class number"),
        ({"²": "a"}, "'²' is not a class number"),
        ({0: None}, "name of class 0 is not a text"),
        ({0: ["a"]}, "name of class 0 is"),
        ([" "], "name of class 0 is"),
        ([], "no class names"),
        ({}, "no class names"),
        ("cat", "missing or cannot be read"),
        (None, "missing or cannot be read"),
        (5, "missing or cannot be read"),
    ],
)
def test_names_without_clear_numbers_are_refused(names, why):
    with pytest.raises(InputError, match=why) as error:
        names_by_number(names, "a file")
    assert str(error.value).startswith("a file: ")
