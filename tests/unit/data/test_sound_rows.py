"""Rows that no evaluation can use, found in one pass: the same as NumPy finds."""

import numpy as np
import pytest

from bench_freeze import _ext

ODD = (np.nan, np.inf, -np.inf, -1.0, -0.0, 0.0, -5e-324, 5e-324, 1.8e308, -1.8e308)


def found(boxes, values):
    is_sound = np.empty(len(values), np.bool_)
    count = _ext.sound_rows(boxes, values, is_sound)
    assert count == np.count_nonzero(~is_sound)
    return is_sound


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("odd", ODD)
def test_one_odd_number(odd, place):
    rows = np.array([[1.0, 2, 3, 4, 0.5], [1, 2, 3, 4, 0.5], [1, 2, 3, 4, 0.5]])
    rows[1, place] = odd
    is_wrong = not np.isfinite(odd) or (place in (2, 3) and odd < 0)
    assert found(rows[:, :4].copy(), rows[:, 4].copy()).tolist() == [True, not is_wrong, True]


@pytest.mark.parametrize("seed", range(20))
def test_equal_to_numpy(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(1, 1, (rng.integers(0, 300), 5))
    spots = rng.random(rows.shape) < 0.05
    rows[spots] = rng.choice(ODD, np.count_nonzero(spots))
    boxes, values = rows[:, :4].copy(), rows[:, 4].copy()
    expected = np.isfinite(rows).all(axis=1) & (boxes[:, 2:] >= 0).all(axis=1)
    assert found(boxes, values).tolist() == expected.tolist()


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="sound_rows"):
        _ext.sound_rows(np.zeros((2, 4)), np.zeros(3), np.zeros(3, np.bool_))
    with pytest.raises(ValueError, match="sound_rows"):
        _ext.sound_rows(np.zeros((3, 4)), np.zeros(3), np.zeros(2, np.bool_))
