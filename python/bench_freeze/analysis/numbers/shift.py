"""How far one array of numbers moved from another: cosine and relative L2, in one pass over arrays of any size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...results.analysis import Shift


class ShiftSum:
    """Accumulates pairs of arrays of any shape as two long vectors, with float64 sums."""

    def __init__(self) -> None:
        self._before = self._after = self._product = self._difference = 0.0
        self.is_identical = True

    def add(self, before: NDArray[np.generic], after: NDArray[np.generic]) -> None:
        """Add a pair of equal shape."""
        a, b = (np.asarray(array, np.float64).reshape(-1) for array in (before, after))
        difference = b - a
        self._before += float(a @ a)
        self._after += float(b @ b)
        self._product += float(a @ b)
        self._difference += float(difference @ difference)
        self.is_identical = self.is_identical and not difference.any()

    def shift(self) -> Shift:
        """The shift over all added pairs. Equal arrays give exactly 1 and 0, by definition and not by rounding."""
        if self.is_identical:
            return Shift(cosine=1.0, relative_l2=0.0)
        lengths = math.sqrt(self._before) * math.sqrt(self._after)
        return Shift(
            cosine=self._product / lengths if lengths else None,
            relative_l2=math.sqrt(self._difference / self._before) if self._before else None,
        )
