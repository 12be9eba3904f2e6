"""Whether resampling can say anything about other images. Every interval, test and margin over images checks this.

A bootstrap knows only the images that it draws from. If the boxes of each class lie in a single image, a resample can
only repeat that image or leave it out. If every resample gives the same number, the spread is 0 because nothing varied,
not because the number is known exactly. In both cases the interval would have width 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..kernels.matching import TruthIndex

FEWEST_IMAGES = 2
SAME = 1e-12  # AP of equal curves, averaged over different classes, is equal up to rounding


def images_of_classes(truth: TruthIndex) -> list[int]:
    """[K] the number of images in which each class has boxes that are not crowds."""
    counted = truth.is_crowd == 0
    image = np.repeat(np.arange(len(truth.begin) - 1), np.diff(truth.begin))[counted]
    pairs = np.unique(np.stack([truth.label[counted], image.astype(np.int64)], axis=1), axis=0)
    return [int(n) for n in np.bincount(pairs[:, 0], minlength=truth.classes)]


def varying_images(
    truth: TruthIndex, labels: Sequence[int] | None = None, area: tuple[float, float] | None = None
) -> int:
    """The number of images that a number can vary over: those of the class that has boxes in the most images.

    `labels` are the classes that the number averages over (None: all), and `area` is the range of areas that counts.
    Crowd regions are not counted: without other boxes there is no AP.
    """
    counted = truth.is_crowd == 0
    if labels is not None:
        counted &= np.isin(truth.label, np.asarray(labels, np.int32))
    if area is not None:
        counted &= (truth.area >= area[0]) & (truth.area <= area[1])
    image = np.repeat(np.arange(len(truth.begin) - 1), np.diff(truth.begin))[counted]
    pairs = np.unique(np.stack([truth.label[counted], image.astype(np.int64)], axis=1), axis=0)
    return int(np.bincount(pairs[:, 0]).max()) if len(pairs) else 0


def varies(drawn: NDArray[np.float64]) -> bool:
    """Whether resamples [B] differ; undefined ones (NaN) are left out."""
    defined = drawn[np.isfinite(drawn)]
    return len(defined) > 1 and float(np.ptp(defined)) > SAME


def silence(images: int, drawn: NDArray[np.float64], *, is_kept_zero: bool = False) -> str | None:
    """Why resamples [B] of a number say nothing about other images; None if they do. The text follows "no interval: ".

    `images` is the count of `varying_images`. `is_kept_zero` marks a difference that is 0 on every resample because the
    two results agree although the images vary, which is a finding (see the function `is_kept_zero`).
    """
    if images < FEWEST_IMAGES:
        return "no class has boxes in more than one image, so resampling says nothing about other images"
    if is_kept_zero or varies(drawn):
        return None
    return "every resample of the images gives the same number, so they say nothing about other images"


def is_kept_zero(difference: NDArray[np.float64], are_identical: bool, *sides: NDArray[np.float64]) -> bool:
    """Whether a difference of two numbers is 0 on every resample because the two results agree.

    They agree if they are the same match by match, or if one of the `sides` varies and the other varies with it. Two
    models that both score 0 on every image are not shown to agree.
    """
    defined = difference[np.isfinite(difference)]
    is_zero = len(defined) > 0 and not np.any(np.abs(defined) > SAME)
    return is_zero and (are_identical or any(varies(side) for side in sides))
