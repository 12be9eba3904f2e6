"""Backgrounds and clutter, which a detector has to ignore."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import numpy.typing as npt

from .canvas import SIDE, Canvas, Colour, Pose, coverage
from .shapes import Plane, capsule

Range = tuple[float, float]
_ANY: tuple[Range, Range, Range] = ((0.05, 0.95), (0.05, 0.95), (0.05, 0.95))
_MEADOW: tuple[Range, Range, Range] = ((0.10, 0.50), (0.25, 0.65), (0.05, 0.40))
_CLEAR_GAP = 0.3
"""Difference in one channel, on a scale of 0 to 1, at which an object stands out from its surroundings."""


def _colour(rng: np.random.Generator, palette: tuple[Range, Range, Range]) -> Colour:
    return np.array([rng.uniform(low, high) for low, high in palette])


def _smooth_noise(rng: np.random.Generator, cells: int) -> Plane:
    """Values in -1..1 that change over SIDE / cells pixels: a coarse random grid, interpolated."""
    grid = rng.uniform(-1.0, 1.0, (cells + 2, cells + 2))
    position = np.arange(SIDE) * (cells / SIDE)
    cell = position.astype(np.intp)
    t = position - cell
    t = t * t * (3.0 - 2.0 * t)
    columns = grid[:, cell] * (1.0 - t) + grid[:, cell + 1] * t
    rows: Plane = columns[cell] * (1.0 - t)[:, None] + columns[cell + 1] * t[:, None]
    return rows


def backdrop(rng: np.random.Generator, *, meadow: bool) -> Canvas:
    """An empty canvas: a gradient between two colours, blotches of two sizes and pixel noise.

    `meadow` uses only greens and browns, so that the target set also differs from the base set in its backgrounds.
    """
    palette = _MEADOW if meadow else _ANY
    first, second = _colour(rng, palette), _colour(rng, palette)
    angle = rng.uniform(0.0, 2.0 * math.pi)
    xs = np.arange(SIDE) / SIDE - 0.5
    ramp = np.clip(0.5 + 0.7 * (math.cos(angle) * xs + (math.sin(angle) * xs)[:, None]), 0.0, 1.0)
    blotches = [
        rng.uniform(0.0, 0.12) * _smooth_noise(rng, int(rng.integers(3, 7))),
        rng.uniform(0.02, 0.10) * _smooth_noise(rng, int(rng.integers(20, 41))),
    ]
    pixels: npt.NDArray[np.float64] = np.empty((SIDE, SIDE, 3))
    for channel in range(3):  # several times faster than broadcasting over a last axis of three
        pixels[..., channel] = first[channel] + ramp * (second - first)[channel] + blotches[0] + blotches[1]
    return Canvas(pixels)


def grain(rng: np.random.Generator, canvas: Canvas) -> None:
    """Sensor-like noise over the finished picture."""
    canvas.pixels += rng.uniform(0.005, 0.05) * rng.uniform(-1.0, 1.0, canvas.pixels.shape)


def clutter(rng: np.random.Generator, canvas: Canvas, strokes: int) -> None:
    """Sticks and specks of random colours; they belong to no class, and hide what they cross."""
    for _ in range(strokes):
        thickness = rng.uniform(0.02, 0.12)
        half = rng.uniform(0.0, 0.9)
        pose = Pose(
            x=rng.uniform(0, SIDE), y=rng.uniform(0, SIDE), radius=rng.uniform(12, 40), angle=rng.uniform(0, math.pi)
        )
        stroke = partial(capsule, start=(-half, 0.0), end=(half, 0.0), radius=thickness)
        covered = coverage(stroke, pose)
        mask = covered >= 0.5
        if canvas.leaves_visible(mask, 0.8):
            canvas.paint(covered, _colour(rng, _ANY))
            canvas.hide(mask)


def contrasting_colour(rng: np.random.Generator, canvas: Canvas, pose: Pose) -> Colour:
    """A random colour that contrasts with what lies under the pose, or the best of 20 tries."""
    reach = pose.radius
    rows = slice(max(0, int(pose.y - reach)), int(pose.y + reach) + 1)
    columns = slice(max(0, int(pose.x - reach)), int(pose.x + reach) + 1)
    under = canvas.pixels[rows, columns].mean(axis=(0, 1))
    best, best_gap = _colour(rng, _ANY), -1.0
    for _ in range(20):
        colour = _colour(rng, _ANY)
        difference = float(np.abs(colour - under).max())
        if difference > best_gap:
            best, best_gap = colour, difference
        if best_gap >= _CLEAR_GAP:
            break
    return best
