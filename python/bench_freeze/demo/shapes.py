"""Signed distances of the drawn kinds, in a unit frame: negative inside, about one per unit of length across the edge.

Per pixel, only `+ - * max min sqrt` are used. Unlike sines, these are rounded the same way on every machine, so a seed
gives the same picture everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float64]
SignedDistance = Callable[[Plane, Plane], Plane]


def _length(x: Plane, y: Plane) -> Plane:
    return np.sqrt(x * x + y * y)


def _box(x: Plane, y: Plane, half_width: float, half_height: float) -> Plane:
    return np.maximum(np.abs(x) - half_width, np.abs(y) - half_height)


def _half_planes(x: Plane, y: Plane, sides: int, inradius: float) -> Plane:
    """Signed distance to each of `sides` lines that are tangent to a circle, one plane per line."""
    angles = [2 * math.pi * (k + 0.5) / sides for k in range(sides)]
    return np.stack([math.cos(a) * x + math.sin(a) * y - inradius for a in angles])


def _disk(x: Plane, y: Plane) -> Plane:
    return _length(x, y) - 0.92


def _square(x: Plane, y: Plane) -> Plane:
    return _box(x, y, 0.78, 0.78)


def _triangle(x: Plane, y: Plane) -> Plane:
    distance: Plane = _half_planes(x, y, 3, 0.5).max(axis=0)
    return distance


def _star(x: Plane, y: Plane) -> Plane:
    # A point lies in a pentagram if it is outside at most one of the five lines, so the second largest distance counts.
    # The lines lie a little further out than a true pentagram's (0.309), whose arms would be too thin at twenty pixels.
    distance: Plane = np.partition(_half_planes(x, y, 5, 0.36), -2, axis=0)[-2]
    return np.maximum(distance, _length(x, y) - 1.0)


def _ring(x: Plane, y: Plane) -> Plane:
    return np.abs(_length(x, y) - 0.72) - 0.22


def _cross(x: Plane, y: Plane) -> Plane:
    return np.minimum(_box(x, y, 0.95, 0.3), _box(x, y, 0.3, 0.95))


def capsule(x: Plane, y: Plane, start: tuple[float, float], end: tuple[float, float], radius: float) -> Plane:
    """Signed distance to a thick segment from `start` to `end` with round ends."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / max(dx * dx + dy * dy, 1e-12), 0.0, 1.0)
    return _length(x - start[0] - along * dx, y - start[1] - along * dy) - radius


def flower(petals: int, fullness: float = 0.8) -> SignedDistance:
    """A flower with round petals. At fullness 1, neighbouring petals touch at their tips; below, a notch parts them."""
    half = math.sin(math.pi / petals)
    reach = 1.0 / (1.0 + fullness * half)
    radius = 1.0 - reach

    def distance(x: Plane, y: Plane) -> Plane:
        nearest = _length(x, y) - 0.3
        for k in range(petals):
            angle = 2 * math.pi * k / petals
            tip = (reach * math.cos(angle), reach * math.sin(angle))
            nearest = np.minimum(nearest, capsule(x, y, (0.5 * tip[0], 0.5 * tip[1]), tip, radius))
        return nearest

    return distance


BASE_KINDS: dict[str, SignedDistance] = {
    "disk": _disk,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "ring": _ring,
    "cross": _cross,
}

PETALS: dict[str, int] = {"flower3": 3, "flower4": 4, "flower6": 6, "flower9": 9}
"""Target kinds that only their number of petals distinguishes."""

SHARED_KIND = "star"
"""The one kind that both sets have, so that remapping by name has a row to carry over."""
