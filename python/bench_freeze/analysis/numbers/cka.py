"""Linear CKA of two feature spaces, unbiased, in one pass and in bounded memory.

CKA(X, Y) = HSIC(X, Y) / sqrt(HSIC(X, X) HSIC(Y, Y)) with linear kernels (Kornblith et al., "Similarity of Neural
Network Representations Revisited", ICML 2019). HSIC is the unbiased estimator of Song et al.
("Feature Selection via Dependence Maximization", JMLR 2012, eq. 4): with few samples and many features, the biased
estimator goes to 1 for unrelated features. It is computed in feature space from sums of size [p, q], whatever the
number of samples: no kernel matrix of all samples, and no average over minibatches that depends on how they are cut.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


class LinearCka:
    """Accumulates the features [n, p] and [n, q] of the same samples in two models."""

    def __init__(self) -> None:
        self._origins: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._xy, self._xx, self._yy = _HsicSums(), _HsicSums(), _HsicSums()
        self.samples = 0
        self.is_identical = True

    def add(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> None:
        """Add n samples. Their order, and how they are split into calls, changes the result by rounding only."""
        self.is_identical = self.is_identical and x.shape == y.shape and bool(np.array_equal(x, y))
        a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
        if self._origins is None:  # CKA does not depend on the origin; one near the data keeps the sums precise
            self._origins = a.mean(axis=0), b.mean(axis=0)
        a, b = a - self._origins[0], b - self._origins[1]
        self.samples += len(a)
        self._xy.add(a, b)
        self._xx.add(a, a)
        self._yy.add(b, b)

    def value(self) -> float | None:
        """CKA: 1 for features equal up to rotation, scale and origin; near 0, of either sign, for unrelated ones.

        Exactly 1 for identical features; None with fewer than 4 samples, or if one model's features do not vary.
        """
        if self.samples < 4:
            return None
        xy, xx, yy = (sums.unbiased(self.samples) for sums in (self._xy, self._xx, self._yy))
        if not (xx > 0 and yy > 0):
            return None
        return 1.0 if self.is_identical else xy / (math.sqrt(xx) * math.sqrt(yy))


class _HsicSums:
    """The sums over samples that HSIC with linear kernels K = X X', L = Y Y' needs."""

    def __init__(self) -> None:
        self._cross: NDArray[np.float64] = np.zeros(())  # sum of x y', [p, q]
        self._x: NDArray[np.float64] = np.zeros(())  # sum of x
        self._y: NDArray[np.float64] = np.zeros(())
        self._x_by_l: NDArray[np.float64] = np.zeros(())  # sum of x |y|^2
        self._y_by_k: NDArray[np.float64] = np.zeros(())
        self._k = self._l = self._kl = 0.0  # sums of the kernels' diagonals |x|^2, |y|^2 and of their product

    def add(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        k, l = np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", y, y)  # noqa: E741
        self._cross = self._cross + x.T @ y
        self._x = self._x + x.sum(axis=0)
        self._y = self._y + y.sum(axis=0)
        self._x_by_l = self._x_by_l + l @ x
        self._y_by_k = self._y_by_k + k @ y
        self._k += float(k.sum())
        self._l += float(l.sum())
        self._kl += float(k @ l)

    def unbiased(self, n: int) -> float:
        """Song et al., eq. 4, where the diagonals of both kernels are left out of every sum."""
        trace = float((self._cross**2).sum()) - self._kl
        sum_k = float(self._x @ self._x) - self._k
        sum_l = float(self._y @ self._y) - self._l
        rows = float(self._x @ self._cross @ self._y - self._x @ self._x_by_l - self._y_by_k @ self._y) + self._kl
        return (trace + sum_k * sum_l / ((n - 1) * (n - 2)) - 2 * rows / (n - 2)) / (n * (n - 3))
