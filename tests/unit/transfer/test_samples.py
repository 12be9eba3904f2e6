"""Shares of training samples are nested, have every class, and hold a part out that is never all of a class."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench_freeze.transfer.samples import FEWEST, held_out, share_of

LABELS = st.lists(st.integers(0, 5), min_size=2, max_size=80).map(np.array)
SHARES = st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted)


@given(LABELS, SHARES, st.integers(0, 2**32 - 1))
def test_shares_are_nested_and_have_every_class(labels, shares, seed):
    small, large = (share_of(labels, share, seed) for share in shares)
    assert set(small) <= set(large)
    assert np.array_equal(small, np.unique(small))
    for label, size in zip(*np.unique(labels, return_counts=True), strict=True):
        for share, chosen in zip(shares, (small, large), strict=True):
            assert np.sum(labels[chosen] == label) == min(size, max(FEWEST, round(share * size)))
    assert np.array_equal(share_of(labels, 1.0, seed), np.arange(len(labels)))


@given(LABELS, st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_a_held_out_part_leaves_something_of_every_class(labels, part, seed):
    out = held_out(labels, part, seed)
    for label in np.unique(labels):
        own = labels == label
        assert np.any(own & ~out)
        assert np.any(own & out) == (own.sum() > 1)


def test_seeds_draw_other_samples():
    labels = np.repeat([0, 1], 50)
    assert not np.array_equal(share_of(labels, 0.2, 0), share_of(labels, 0.2, 1))
    assert not np.array_equal(held_out(labels, 0.2, 0), held_out(labels, 0.2, 1))
