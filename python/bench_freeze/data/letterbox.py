"""Letterbox: place an image of any size on a square canvas, and map boxes back. The only implementation of either."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels import ext
from ..kernels.values import number_array, real_number, whole_number

FILL = 114  # the grey that Ultralytics trains with
SMALLEST, LARGEST = 1e-6, 2.0**31  # pixels of a side


@dataclass(frozen=True)
class Letterbox:
    """The placement of an image on a square canvas, in pixels.

    >>> from bench_freeze import Letterbox
    >>> placement = Letterbox.fit(640, 480, 320)
    >>> placement.resized_width, placement.resized_height, placement.left, placement.top
    (320, 240, 0, 40)
    >>> placement.to_image([[0, 40, 160, 160]]).tolist()
    [[0.0, 0.0, 320.0, 240.0]]
    """

    width: int
    height: int
    size: int
    resized_width: int
    resized_height: int
    left: int
    top: int

    def __post_init__(self) -> None:
        for name in ("width", "height", "size", "resized_width", "resized_height"):
            real_number(name, getattr(self, name), SMALLEST, LARGEST, "pixels, more than 0")
        for name in ("left", "top"):
            real_number(name, getattr(self, name), -LARGEST, LARGEST, "pixels")

    @classmethod
    def fit(cls, width: int, height: int, size: int) -> Letterbox:
        """The placement of a `width` x `height` image on a `size` x `size` canvas.

        The longer side fills the canvas. The padding is split evenly; an odd pixel goes right or bottom, as in
        Ultralytics. Raises InputError for a size below 1.
        """
        width, height, size = (
            whole_number(name, value, high=int(LARGEST))
            for name, value in (("width", width), ("height", height), ("size", size))
        )
        scale = min(size / width, size / height)
        resized_width = max(1, round(width * scale))
        resized_height = max(1, round(height * scale))
        left = (size - resized_width) // 2
        top = (size - resized_height) // 2
        return cls(width, height, size, resized_width, resized_height, left, top)

    def to_canvas(self, boxes_xyxy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map boxes [N, 4] x1, y1, x2, y2 from image pixels to canvas pixels."""
        return number_array("boxes", boxes_xyxy) * self._scale() + self._offset()

    def to_image(self, boxes_xyxy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map boxes [N, 4] x1, y1, x2, y2 from canvas pixels to image pixels, clipped to the image.

        Uses the exact ratio of each side rather than the common scale; rounding makes them differ by up to half a
        pixel.
        """
        boxes = (number_array("boxes", boxes_xyxy) - self._offset()) / self._scale()
        limits = np.array([self.width, self.height, self.width, self.height], dtype=np.float64)
        return np.clip(boxes, 0.0, limits)

    def _scale(self) -> NDArray[np.float64]:
        x, y = self.resized_width / self.width, self.resized_height / self.height
        return np.array([x, y, x, y])

    def _offset(self) -> NDArray[np.float64]:
        return np.array([self.left, self.top, self.left, self.top], dtype=np.float64)


def letterbox_into(image: NDArray[np.uint8], canvas: NDArray[np.float32]) -> Letterbox:
    """Place an [H, W, 3] RGB image on `canvas` [3, S, S], values 0 to 1; returns the placement."""
    height, width = image.shape[:2]
    placement = Letterbox.fit(width, height, canvas.shape[-1])
    ext.letterbox(
        image,
        canvas,
        resized_hw=(placement.resized_height, placement.resized_width),
        top_left=(placement.top, placement.left),
        fill=FILL,
    )
    return placement
