"""Pairing of classes and categories by name."""

import pytest

from bench_freeze.data.classes import map_classes
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
