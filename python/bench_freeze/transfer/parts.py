"""Objects with parts taken away, and how evenly a network looks at them: arithmetic on arrays, no model.

A part is a set of cells of a GRID x GRID lattice over the object's box, so quarters, halves and random covers are one
kind of thing. Covered pixels get the grey of the canvas's border.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRID = 8
SHARES = (0.125, 0.25, 0.5, 0.75, 1.0)  # of the box's cells, covered at random: the occlusion curve
GREY = np.float32(114 / 255)

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]

# Places in a list of views of one object.
WHOLE = 0
QUARTERS = slice(1, 5)
HALVES = slice(5, 9)
CURVE = slice(9, 9 + len(SHARES))
ALL = CURVE.stop - 1  # everything covered: the last of the curve
VIEWS = CURVE.stop


def covers(count: int, seed: int) -> Mask:
    """[count, VIEWS, GRID, GRID] the cells that are covered in every view of `count` objects.

    The whole, its quarters, its halves (left, right, upper, lower), then SHARES of the cells in an order of each
    object's own, so that a larger share holds a smaller one.
    """
    half = GRID // 2
    left, upper = np.zeros((2, GRID, GRID), np.bool_)
    left[:, :half] = True
    upper[:half] = True
    found = np.zeros((count, VIEWS, GRID, GRID), np.bool_)
    found[:, QUARTERS] = [upper & left, upper & ~left, ~upper & left, ~upper & ~left]
    found[:, HALVES] = [left, ~left, upper, ~upper]
    order = np.random.default_rng(seed).random((count, GRID * GRID)).argsort(axis=1).argsort(axis=1)
    numbers = np.array([round(share * GRID * GRID) for share in SHARES])
    found[:, CURVE] = (order[:, None] < numbers[:, None]).reshape(count, len(SHARES), GRID, GRID)
    return found


def hide(canvas: NDArray[np.float32], content: tuple[int, int, int, int], cover: Mask) -> None:
    """Cover cells of the rectangle `content` (left, top, width, height in pixels) of a canvas [3, S, S], in place.

    A pixel belongs to the cell that its centre lies in.
    """
    left, top, width, height = content
    across, down = (((np.arange(side) + 0.5) * GRID / side).astype(np.int64) for side in (width, height))
    covered = cover[down[:, None], across[None]]
    canvas[:, top : top + height, left : left + width][:, covered] = GREY


def evenness(values: Array, weights: Array | None = None) -> Array:
    """[...] how evenly values of 0 and more [..., n] lie over n places of some weight: (sum v)^2 / (n sum v^2).

    1 where all are equal, 1/n where one place has everything (the participation ratio); NaN where there is nothing.
    """
    own = np.ones_like(values) if weights is None else weights
    total = np.sum(own * values, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = total**2 / (np.sum(own, axis=-1) * np.sum(own * values**2, axis=-1))
    return found


def changes(features: Array) -> Array:
    """[N, V] how far the features [N, V, C] of every view lie from the whole's, where all covered lies 1 away.

    NaN for an object that is as far off as when it is covered.
    """
    far = np.linalg.norm(features - features[:, WHOLE, None], axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = far / far[:, ALL, None]
    found[far[:, ALL] == 0] = np.nan
    return found
