"""Mean IoU over images: intersections and unions are summed, and classes without a pixel are left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MeanIou:
    """Mean IoU from `both` and `either`, the pixels in intersections and unions by seed, image and class, [S, N, K]."""

    both: Array
    either: Array

    @property
    def images(self) -> int:
        """The number of images with a pixel in any union."""
        return int(np.count_nonzero(self.either.sum(axis=(0, 2))))

    def values(self, weights: Array) -> Array:
        """The mean IoU [B, S] for image weights [B, N], over classes with a pixel in truth or prediction."""
        classes = [self._ious(weights, seed) for seed in range(len(self.both))]
        with np.errstate(invalid="ignore"):
            known = [np.isfinite(found) for found in classes]
            means = [
                np.where(has, found, 0).sum(axis=1) / has.sum(axis=1) for found, has in zip(classes, known, strict=True)
            ]
        return np.stack(means, axis=1)

    def per_class(self) -> Array:
        """The IoU of every class on all images, averaged over seeds, [K]; NaN for a class without a pixel."""
        ones = np.ones((1, self.both.shape[1]))
        found = np.array([self._ious(ones, seed)[0] for seed in range(len(self.both))])
        has = np.isfinite(found)
        with np.errstate(invalid="ignore"):
            means: Array = np.where(has, found, 0).sum(axis=0) / has.sum(axis=0)
        return means

    def _ious(self, weights: Array, seed: int) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            shares: Array = (weights @ self.both[seed]) / (weights @ self.either[seed])
        return shares
