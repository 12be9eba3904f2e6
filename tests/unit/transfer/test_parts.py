"""Covered parts of objects against slow references: which pixels go, how even a look is, how far features move."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_freeze.transfer.parts import (
    ALL,
    CURVE,
    GREY,
    GRID,
    HALVES,
    QUARTERS,
    SHARES,
    VIEWS,
    WHOLE,
    changes,
    covers,
    evenness,
    hide,
)


def test_quarters_and_halves_part_the_object_and_covers_grow():
    found = covers(7, seed=3)
    assert found.shape == (7, VIEWS, GRID, GRID)
    assert not found[:, WHOLE].any()
    assert (found[:, QUARTERS].sum(axis=1) == 1).all()  # every cell in one quarter
    left, right, upper, lower = found[0, HALVES]
    for one, other in ((left, right), (upper, lower)):
        assert (one ^ other).all()
        assert one.sum() == GRID * GRID / 2
    assert left[:, : GRID // 2].all()
    assert upper[: GRID // 2].all()
    assert (found[0, QUARTERS][0] == (left & upper)).all()
    for share, view in zip(SHARES, range(CURVE.start, CURVE.stop), strict=True):
        assert (found[:, view].mean(axis=(1, 2)) == share).all()
        assert (found[:, view] | found[:, CURVE.start] == found[:, view]).all()  # the first lies in every later one
    assert found[:, ALL].all()


def test_every_object_has_an_order_of_its_own_that_the_seed_decides():
    found, again, other = covers(3, 0), covers(3, 0), covers(3, 1)
    assert np.array_equal(found, again)
    assert not np.array_equal(found[0, CURVE], found[1, CURVE])
    assert not np.array_equal(found[:, CURVE], other[:, CURVE])


def test_cells_are_covered_at_random_everywhere_alike():
    mean = covers(4000, 5)[:, CURVE.start + 1].mean(axis=0)
    assert mean == pytest.approx(SHARES[1], abs=0.05)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 44), st.integers(1, 44), st.integers(0, 2**32 - 1))
def test_the_pixels_of_covered_cells_are_grey_and_no_others(left, top, width, height, seed):
    random = np.random.default_rng(seed)
    canvas = random.random((3, 64, 64), np.float32)
    cover = random.random((GRID, GRID)) < 0.4
    expected = canvas.copy()
    for y in range(height):
        for x in range(width):
            row, column = int((y + 0.5) * GRID / height), int((x + 0.5) * GRID / width)
            if cover[row, column]:
                expected[:, top + y, left + x] = GREY
    hide(canvas, (left, top, width, height), cover)
    assert np.array_equal(canvas, expected)


@given(st.lists(st.tuples(st.floats(0, 1e3), st.floats(0, 2)), min_size=1, max_size=12))
def test_evenness_is_the_share_of_places_that_would_hold_as_much_evenly(pairs):
    values, weights = np.array(pairs).T
    total = squares = places = 0.0
    for value, weight in pairs:
        total += weight * value
        squares += weight * value * value
        places += weight
    found = evenness(values, weights)
    if places * squares > 1e-200:
        assert found == pytest.approx(total * total / (places * squares), rel=1e-9)
        assert found <= 1 + 1e-9


def test_evenness_of_known_looks():
    assert evenness(np.array([2.0, 2, 2, 2])) == 1
    assert evenness(np.array([5.0, 0, 0, 0])) == 0.25
    assert evenness(np.array([5.0, 9]), np.array([1.0, 0])) == 1  # what has no weight counts for nothing
    assert np.isnan(evenness(np.zeros(4)))
    assert evenness(np.array([[1.0, 1], [1, 0]])).tolist() == [1, 0.5]


@given(st.integers(0, 2**32 - 1))
def test_changes_are_distances_in_units_of_the_object_s_own_loss(seed):
    features = np.random.default_rng(seed).normal(size=(4, VIEWS, 5))
    found = changes(features)
    for n in range(4):
        unit = np.sqrt(sum((features[n, ALL, c] - features[n, WHOLE, c]) ** 2 for c in range(5)))
        for view in range(VIEWS):
            far = np.sqrt(sum((features[n, view, c] - features[n, WHOLE, c]) ** 2 for c in range(5)))
            assert found[n, view] == pytest.approx(far / unit)
    assert (found[:, WHOLE] == 0).all()
    assert changes(features * 7 + 3) == pytest.approx(found)  # no scale and no origin


def test_an_object_that_reads_as_nothing_has_no_change():
    features = np.random.default_rng(0).normal(size=(2, VIEWS, 3))
    features[1, ALL] = features[1, WHOLE]
    found = changes(features)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
