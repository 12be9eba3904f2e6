"""Exponents of growth."""

from __future__ import annotations

import math
from collections.abc import Sequence


def slope(sizes: Sequence[float], costs: Sequence[float]) -> float | None:
    """Of log cost on log size, by least squares; None with fewer than two sizes, or two alike.

    >>> round(slope([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    kept = [(math.log(x), math.log(y)) for x, y in zip(sizes, costs, strict=True) if x > 0 and y > 0]
    if len(kept) < 2:
        return None
    mean_x, mean_y = (sum(values) / len(kept) for values in zip(*kept, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in kept)
    return sum((x - mean_x) * (y - mean_y) for x, y in kept) / spread if spread else None
