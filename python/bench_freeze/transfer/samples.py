"""The training samples of a share, and those of them held out: nested, class by class, determined by the seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST = 2  # samples per class, where the class has that number


def share_of(labels: NDArray[np.integer], share: float, seed: int) -> NDArray[np.int64]:
    """Positions of a share of the samples, ascending: the same share of every class, at least FEWEST of each.

    For the same seed, a larger share contains the smaller ones.
    """
    parts = [order[: _count(len(order), share)] for order in _orders(labels, seed)]
    return np.sort(np.concatenate(parts))


def share_of_images(count: int, share: float, seed: int) -> NDArray[np.int64]:
    """Positions of a share of images without class labels, ascending, at least FEWEST; nested for the same seed."""
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[: _count(count, share)])


def held_out(labels: NDArray[np.integer], part: float, seed: int) -> NDArray[np.bool_]:
    """A mask [N] that selects a part of every class: at least one sample if it has two or more, but never all."""
    found = np.zeros(len(labels), np.bool_)
    for order in _orders(labels, seed):
        if len(order) > 1:
            found[order[: min(len(order) - 1, max(1, round(part * len(order))))]] = True
    return found


def _orders(labels: NDArray[np.integer], seed: int) -> list[NDArray[np.int64]]:
    """The positions of every class, each shuffled."""
    random = np.random.default_rng(seed)
    return [random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]


def _count(size: int, share: float) -> int:
    return min(size, max(FEWEST, round(share * size)))
