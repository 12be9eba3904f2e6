"""Random views of training images: a part of an image on a canvas, mirrored or not; masks are transformed alike.

A view depends on the image, the epoch and the seed, so every source sees the same views, whatever trained before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.letterbox import FILL, Letterbox
from ..kernels import ext

LEAST_AREA = 0.25  # the smallest share of an image that a crop shows
SHAPE = 4 / 3  # the largest factor by which a crop's aspect ratio differs from the image's
ZOOM = 2.0  # the largest factor, in and out


@dataclass(frozen=True)
class View:
    """A part of an image, starting at row `top` and column `left`, and its placement on a canvas."""

    top: int
    left: int
    placement: Letterbox  # of the part
    mirrored: bool

    def part(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of an image [H, W, 3] or a mask [H, W]."""
        rows = slice(self.top, self.top + self.placement.height)
        columns = slice(self.left, self.left + self.placement.width)
        own = pixels[rows, columns]
        return np.ascontiguousarray(own[:, ::-1] if self.mirrored else own)

    def draw(self, image: NDArray[np.uint8], canvas: NDArray[np.float32]) -> None:
        """Place the part of an image [H, W, 3] on `canvas` [3, S, S], values 0 to 1."""
        at = self.placement
        ext.letterbox(
            self.part(image),
            canvas,
            resized_hw=(at.resized_height, at.resized_width),
            top_left=(at.top, at.left),
            fill=FILL,
        )


def random_crop(width: int, height: int, size: int, random: np.random.Generator) -> View:
    """A quarter to all of an image, with about its aspect ratio, letterboxed like scored images."""
    area = random.uniform(LEAST_AREA, 1)
    shape = math.exp(random.uniform(-math.log(SHAPE), math.log(SHAPE)))
    own_width = min(width, max(1, round(width * math.sqrt(area * shape))))
    own_height = min(height, max(1, round(height * math.sqrt(area / shape))))
    return _placed(width, height, Letterbox.fit(own_width, own_height, size), random)


def random_zoom(width: int, height: int, size: int, random: np.random.Generator) -> View:
    """A part of an image enlarged up to twice, or the whole image reduced down to half, anywhere on the canvas."""
    zoom = math.exp(random.uniform(-math.log(ZOOM), math.log(ZOOM)))
    if zoom >= 1:
        part = Letterbox.fit(max(1, round(width / zoom)), max(1, round(height / zoom)), size)
        return _placed(width, height, part, random)
    whole = Letterbox.fit(width, height, size)
    across, down = (max(1, round(side * zoom)) for side in (whole.resized_width, whole.resized_height))
    left, top = (int(random.integers(0, size - side + 1)) for side in (across, down))
    return _placed(width, height, Letterbox(width, height, size, across, down, left, top), random)


def _placed(width: int, height: int, part: Letterbox, random: np.random.Generator) -> View:
    """A part of that size anywhere in the image, mirrored with probability 1/2."""
    top = int(random.integers(0, height - part.height + 1))
    left = int(random.integers(0, width - part.width + 1))
    return View(top, left, part, bool(random.integers(0, 2)))
