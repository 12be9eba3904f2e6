"""Cover parts of objects, and measure how evenly a network looks at them: arithmetic on arrays, without a model.

A part is a set of cells of a GRID x GRID lattice over the object's box, which describes quarters, halves and random
covers alike. Covered pixels get the grey of the canvas's border.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRID = 8
SHARES = (0.125, 0.25, 0.5, 0.75, 1.0)  # shares of the box's cells covered at random: the occlusion curve
GREY = np.float32(114 / 255)

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]

# Positions in the list of an object's views.
WHOLE = 0
QUARTERS = slice(1, 5)
HALVES = slice(5, 9)
CURVE = slice(9, 9 + len(SHARES))
ALL = CURVE.stop - 1  # everything covered: the last of the curve
VIEWS = CURVE.stop


def covers(count: int, seed: int) -> Mask:
    """The cells covered in every view of `count` objects, [count, VIEWS, GRID, GRID].

    The views are the whole object, then without each quarter, without each half (left, right, upper, lower), and
    without SHARES of the cells. Every object has its own random order of cells, so a larger share contains the smaller
    ones.
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

    A pixel belongs to the cell that contains its centre.
    """
    left, top, width, height = content
    across, down = (((np.arange(side) + 0.5) * GRID / side).astype(np.int64) for side in (width, height))
    covered = cover[down[:, None], across[None]]
    canvas[:, top : top + height, left : left + width][:, covered] = GREY


def evenness(values: Array, weights: Array | None = None) -> Array:
    """How evenly non-negative values [..., n] are spread over n weighted places, [...]: (sum v)^2 / (n sum v^2).

    This is the participation ratio: 1 where all values are equal, 1/n where one place has everything, and NaN where all
    are 0.
    """
    own = np.ones_like(values) if weights is None else weights
    total = np.sum(own * values, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = total**2 / (np.sum(own, axis=-1) * np.sum(own * values**2, axis=-1))
    return found


def changes(features: Array) -> Array:
    """The distance of every view's features [N, V, C] from the whole object's, [N, V], in units of full cover.

    The distance of the fully covered view is thus 1; where it is 0, the object gets NaN.
    """
    far = np.linalg.norm(features - features[:, WHOLE, None], axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = far / far[:, ALL, None]
    found[far[:, ALL] == 0] = np.nan
    return found
