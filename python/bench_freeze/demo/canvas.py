"""A picture under construction: antialiased shapes over a backdrop, with the exact pixels each object still shows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .shapes import Plane, SignedDistance

SIDE = 160
"""Width and height of every picture, in pixels."""

Mask = npt.NDArray[np.bool_]
Colour = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """Where a unit shape lands: centre and radius in pixels, rotation in radians, `squash` <= 1 along one axis."""

    x: float
    y: float
    radius: float
    angle: float = 0.0
    squash: float = 1.0


def coverage(shape: SignedDistance, pose: Pose) -> Plane:
    """Share of each pixel of the picture that the posed shape covers, from the distance at the pixel's centre."""
    # The shape covers nothing outside its circle, so only that window is computed.
    reach = pose.radius + 1.5
    left, right = (max(0, min(SIDE, v)) for v in (math.floor(pose.x - reach), math.ceil(pose.x + reach)))
    top, bottom = (max(0, min(SIDE, v)) for v in (math.floor(pose.y - reach), math.ceil(pose.y + reach)))
    covered = np.zeros((SIDE, SIDE))
    if left == right or top == bottom:
        return covered
    ys, xs = np.arange(top, bottom)[:, None] + 0.5, np.arange(left, right) + 0.5
    cosine, sine = math.cos(pose.angle), math.sin(pose.angle)
    u = ((xs - pose.x) * cosine + (ys - pose.y) * sine) / pose.radius
    v = ((ys - pose.y) * cosine - (xs - pose.x) * sine) / (pose.radius * pose.squash)
    covered[top:bottom, left:right] = np.clip(0.5 - shape(u, v) * pose.radius, 0.0, 1.0)
    return covered


@dataclass
class Canvas:
    """RGB values in 0..1 and, for each object, the mask of the pixels that no later layer hides."""

    pixels: npt.NDArray[np.float64]
    masks: list[Mask] = field(default_factory=list)
    drawn_areas: list[int] = field(default_factory=list)

    def paint(self, covered: Plane, colour: Colour, *, shade: float = 0.0) -> None:
        """Blend a colour in; `shade` lightens it towards the top left and darkens it towards the bottom right."""
        touched = covered > 0.0
        if not touched.any():
            return
        x, y, width, height = tight_box(touched)
        window = np.s_[y : y + height, x : x + width]
        ys, xs = np.arange(y, y + height)[:, None] / SIDE, np.arange(x, x + width) / SIDE
        light, share = 1.0 + shade * (1.0 - xs - ys), covered[window]
        for channel in range(3):  # several times faster than broadcasting over a last axis of three
            under = self.pixels[window][..., channel]
            under += share * (np.clip(colour[channel] * light, 0.0, 1.0) - under)

    def hide(self, mask: Mask) -> None:
        """Remove the pixels that a new layer covers from the mask of every object under it."""
        self.masks = [seen & ~mask for seen in self.masks]

    def add_object(self, mask: Mask) -> None:
        """Register the pixels of a new topmost object."""
        self.hide(mask)
        self.masks.append(mask)
        self.drawn_areas.append(int(mask.sum()))

    def leaves_visible(self, mask: Mask, share: float) -> bool:
        """Whether every object would keep at least `share` of its drawn pixels under a layer with this mask."""
        return all(
            int((seen & ~mask).sum()) >= share * drawn for seen, drawn in zip(self.masks, self.drawn_areas, strict=True)
        )

    def to_bytes(self) -> npt.NDArray[np.uint8]:
        """The picture as height x width x 3 bytes."""
        return np.floor(np.clip(self.pixels, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def tight_box(mask: Mask) -> tuple[int, int, int, int]:
    """x, y, width, height of the smallest rectangle of whole pixels that holds the mask. The mask must not be empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1
