"""Ids to positions: by table or by search, the same as a dict says."""

import numpy as np
import pytest

from bench_freeze import _ext
from bench_freeze.data.coco_columns import positions

INT64 = np.iinfo(np.int64)


def by_dict(known, ids):
    place = {int(one): at for at, one in enumerate(known)}
    return [place.get(int(one), 0) for one in ids], [int(one) in place for one in ids]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("low", "high"), [(0, 90), (-40, 40), (10**12, 10**12 + 500), (INT64.min, INT64.min + 60), (INT64.min, INT64.max)]
)
def test_equal_to_a_dict(low, high, seed):
    rng = np.random.default_rng(seed)
    known = np.unique(rng.integers(low, high, rng.integers(1, 60), endpoint=True))
    ids = np.concatenate(
        [rng.choice(known, rng.integers(0, 200)), rng.integers(INT64.min, INT64.max, 5, endpoint=True)]
    )
    ids = np.concatenate([ids, known[:1] - (known[0] > INT64.min), known[-1:] + (known[-1] < INT64.max)])
    for given in (ids, rng.choice(known, 50), ids[:0]):
        found, is_known = positions(known, given)
        assert (found.tolist(), is_known.tolist()) == by_dict(known, given)
        assert found.dtype == np.int32


def test_ids_far_apart_take_no_table():
    known = np.array([0, 1 << 45])  # a table would take 140 TB
    found, is_known = positions(known, np.array([1 << 45, 7, -1]))
    assert (found.tolist(), is_known.tolist()) == ([1, 0, 0], [True, False, False])


def test_nothing_is_known():
    found, is_known = positions(np.zeros(0, np.int64), np.array([3, 4]))
    assert (found.tolist(), is_known.tolist()) == ([0, 0], [False, False])


@pytest.mark.parametrize("wrong", [([1, 1], 2, 2), ([2, 1], 2, 2), ([1, 2], 2, 3), ([1, 2], 3, 2)])
def test_columns_that_would_be_misread_are_refused(wrong):
    known, ids, room = wrong
    with pytest.raises(ValueError, match="positions_of"):
        _ext.positions_of(np.array(known), np.zeros(ids, np.int64), np.zeros(room, np.int32))
