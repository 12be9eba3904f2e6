"""Intersections and unions of two label maps by the distance of pixels from a boundary of the true map.

A boundary pixel has a neighbour (above, below, left, right) with a different label. Pixels that are not scored count as
a label of their own here, because sets with void lines (VOC) have them along boundaries; they belong to no band. The
band of width w holds the pixels at a distance below w from a boundary pixel, so width 1 is the boundary pixels alone
(Kohli, Ladicky and Torr, "Robust Higher Order Potentials for Enforcing Label Consistency", 2009).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..data.segmentation_set import IGNORE

WIDTHS = (1, 2, 3, 5, 10, 20, 40)  # pixels

Labels = NDArray[np.uint8]


def boundary_distance(labels: Labels) -> NDArray[np.float64]:
    """Distance in pixels to the nearest boundary pixel, [H, W]; infinite where a map has no boundary."""
    from scipy.ndimage import distance_transform_edt

    edge = np.zeros(labels.shape, np.bool_)
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    if not edge.any():
        return np.full(labels.shape, np.inf)
    distance: NDArray[np.float64] = distance_transform_edt(~edge)
    return distance


def rings_of(truth: Labels) -> NDArray[np.uint8]:
    """The ring of every pixel, [H, W], 0 to len(WIDTHS): ring b lies WIDTHS[b - 1] to WIDTHS[b] pixels away."""
    return np.digitize(boundary_distance(truth), WIDTHS).astype(np.uint8)


def overlaps(
    truth: Labels, rings: NDArray[np.uint8], found: Labels, classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the scored pixels in intersections and unions by ring and class, [B, K] each.

    The first b + 1 rings together are the band of width WIDTHS[b]; all rings are the whole image.
    """
    scored = truth != IGNORE
    start = rings[scored].astype(np.int64) * classes
    own, theirs = truth[scored], found[scored]
    count = (len(WIDTHS) + 1) * classes

    def counts(places: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(places, minlength=count).reshape(-1, classes)

    both = counts((start + own)[own == theirs])
    return both, counts(start + own) + counts(start + theirs) - both
