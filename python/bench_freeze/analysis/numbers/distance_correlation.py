"""Bias-corrected distance correlation of two feature spaces: 0 on average for unrelated ones, whatever their sizes.

Székely and Rizzo, "The distance correlation t-test of independence in high dimension" (Journal of Multivariate Analysis
2013): the plain statistic goes to 1 for unrelated features of many dimensions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def distance_correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float | None:
    """Distance correlation of features [n, p] and [n, q] of the same n samples; at most 1, can be negative.

    Distances are Euclidean. The value is 1 for features that are equal up to rotation, scale and origin; None with
    fewer than 4 samples, or if one space does not vary.
    """
    n = len(a)
    if n < 4:
        return None
    x, y = _centred(np.asarray(a, np.float64)), _centred(np.asarray(b, np.float64))
    within = float((x * x).sum()), float((y * y).sum())
    if not (within[0] > 0 and within[1] > 0):
        return None
    return float((x * y).sum()) / math.sqrt(within[0] * within[1])


def _centred(rows: Array) -> Array:
    """[n, n] the U-centred distances: rows and columns sum to 0, the diagonal is 0."""
    n = len(rows)
    squares = (rows**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * rows @ rows.T, 0))
    np.fill_diagonal(distances, 0)
    sums = distances.sum(axis=1)
    found: Array = distances - sums[:, None] / (n - 2) - sums[None] / (n - 2) + sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(found, 0)
    return found
