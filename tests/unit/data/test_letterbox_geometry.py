"""The letterbox and its inverse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_freeze.data.letterbox import FILL, Letterbox, letterbox_into

SIDES = st.integers(1, 3000)
SIZES = st.sampled_from([32, 160, 320, 640])


@given(SIDES, SIDES, SIZES)
def test_the_image_lies_inside_and_fills_one_side(width, height, size):
    box = Letterbox.fit(width, height, size)
    assert 1 <= box.resized_width <= size
    assert 1 <= box.resized_height <= size
    assert max(box.resized_width, box.resized_height) == size
    assert 0 <= box.left <= size - box.resized_width
    assert abs((size - box.resized_width - box.left) - box.left) <= 1


@given(SIDES, SIDES, SIZES, st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_boxes_come_back(width, height, size, fractions):
    box = Letterbox.fit(width, height, size)
    corners = np.sort(np.reshape(fractions, (2, 2)), axis=0).reshape(1, 4) * [width, height, width, height]
    np.testing.assert_allclose(box.to_image(box.to_canvas(corners)), corners, atol=1e-6 * max(width, height))


@given(SIDES, SIDES, SIZES)
def test_the_whole_image_covers_its_place(width, height, size):
    box = Letterbox.fit(width, height, size)
    canvas = box.to_canvas(np.array([[0, 0, width, height]]))[0]
    expected = [box.left, box.top, box.left + box.resized_width, box.top + box.resized_height]
    np.testing.assert_allclose(canvas, expected, atol=1e-6)


def test_boxes_beyond_the_border_are_clipped():
    box = Letterbox.fit(100, 50, 64)
    np.testing.assert_allclose(box.to_image(np.array([[-5.0, -5.0, 70.0, 70.0]])), [[0, 0, 100, 50]])


@pytest.mark.parametrize(("width", "height"), [(50, 101), (333, 77), (1, 1), (64, 64)])
def test_padding_is_grey_and_the_image_is_where_it_is_said_to_be(width, height):
    canvas = np.full((3, 64, 64), np.nan, dtype=np.float32)
    box = letterbox_into(np.full((height, width, 3), (255, 0, 51), dtype=np.uint8), canvas)
    inside = np.zeros((64, 64), dtype=bool)
    inside[box.top : box.top + box.resized_height, box.left : box.left + box.resized_width] = True
    for channel, value in zip(canvas, (1.0, 0.0, 0.2), strict=True):
        np.testing.assert_allclose(channel[inside], value, atol=1e-6)
        np.testing.assert_allclose(channel[~inside], FILL / 255, atol=1e-6)
