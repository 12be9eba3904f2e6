"""Which training samples a share has, and which of them are held out: nested, class by class, by the seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST = 2  # of a class, where it has as many


def share_of(labels: NDArray[np.integer], share: float, seed: int) -> NDArray[np.int64]:
    """Positions of a share of the samples, ascending: the same share of every class, at least FEWEST of each.

    With one seed a smaller share lies within a larger one.
    """
    parts = [order[: _count(len(order), share)] for order in _orders(labels, seed)]
    return np.sort(np.concatenate(parts))


def share_of_images(count: int, share: float, seed: int) -> NDArray[np.int64]:
    """Positions of a share of images without labels of their own, ascending, FEWEST at least; nested with one seed."""
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[: _count(count, share)])


def held_out(labels: NDArray[np.integer], part: float, seed: int) -> NDArray[np.bool_]:
    """[N] a part of every class, at least one sample of each that has two or more; never all of a class."""
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
