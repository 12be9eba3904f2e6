"""Intersections and unions of two label maps by how far their pixels lie from a boundary of the true one.

A boundary pixel has a neighbour (above, below, left, right) with another label. Pixels that are not scored count as a
label there, because sets with void lines (VOC) have them where boundaries are; they are in no band themselves. The band
of width w holds the pixels less than w from a boundary pixel, so width 1 is the boundary pixels alone (Kohli, Ladicky
and Torr, "Robust Higher Order Potentials for Enforcing Label Consistency", 2009).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..data.segmentation_set import IGNORE

WIDTHS = (1, 2, 3, 5, 10, 20, 40)  # pixels

Labels = NDArray[np.uint8]


def boundary_distance(labels: Labels) -> NDArray[np.float64]:
    """[H, W] pixels to the nearest boundary pixel, 0 on it; infinite where a map has no boundary."""
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
    """[H, W] which ring a pixel is in, 0 to len(WIDTHS): ring b lies from WIDTHS[b - 1] to WIDTHS[b] pixels away."""
    return np.digitize(boundary_distance(truth), WIDTHS).astype(np.uint8)


def overlaps(
    truth: Labels, rings: NDArray[np.uint8], found: Labels, classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """([B, K], [B, K]) pixels in intersections and unions by ring and class, of pixels that are scored.

    The sum of the first b + 1 rings is the band of width WIDTHS[b], all of them are the whole image.
    """
    scored = truth != IGNORE
    start = rings[scored].astype(np.int64) * classes
    own, theirs = truth[scored], found[scored]
    count = (len(WIDTHS) + 1) * classes

    def counts(places: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(places, minlength=count).reshape(-1, classes)

    both = counts((start + own)[own == theirs])
    return both, counts(start + own) + counts(start + theirs) - both
