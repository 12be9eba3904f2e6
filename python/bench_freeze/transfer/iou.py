"""Mean IoU as a number over images: intersections and unions add up, classes without a pixel are left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MeanIou:
    """`both` and `either` are [S, N, K] pixels of intersections and unions by seed, image and class."""

    both: Array
    either: Array

    @property
    def images(self) -> int:
        """Those with a pixel in it."""
        return int(np.count_nonzero(self.either.sum(axis=(0, 2))))

    def values(self, weights: Array) -> Array:
        """[B, S] the mean over classes in which any image counts has a pixel, of truth or of prediction."""
        classes = [self._ious(weights, seed) for seed in range(len(self.both))]
        with np.errstate(invalid="ignore"):
            known = [np.isfinite(found) for found in classes]
            means = [
                np.where(has, found, 0).sum(axis=1) / has.sum(axis=1) for found, has in zip(classes, known, strict=True)
            ]
        return np.stack(means, axis=1)

    def per_class(self) -> Array:
        """[K] the mean over seeds on all images; NaN for a class without a pixel."""
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
