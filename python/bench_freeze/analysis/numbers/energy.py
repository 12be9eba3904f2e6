"""Where a layer is active: the energy of its activations, and the share of it that lies inside objects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FINE = 8  # each cell is cut into 8 x 8 sub-cells to measure how much of it boxes cover


def energy_map(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """[h, w] the sum of squares over the channels of features [C, h, w]."""
    energy: NDArray[np.float64] = np.square(features, dtype=np.float64).sum(axis=0)
    return energy


def coverage(boxes_xyxy: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """[height, width] the share of each cell of a grid that the union of boxes covers.

    Boxes [N, 4] are in fractions of the grid. A cell's share counts its FINE x FINE sub-cells whose centre is inside.
    """
    rows, columns = ((np.arange(side * FINE) + 0.5) / (side * FINE) for side in (height, width))
    left, top, right, bottom = (boxes_xyxy[:, k, None] for k in range(4))
    inside_y = (rows >= top) & (rows < bottom)  # [N, height * FINE]
    inside_x = (columns >= left) & (columns < right)
    union = (inside_y.T.astype(np.int32) @ inside_x.astype(np.int32)) > 0
    share: NDArray[np.float64] = union.reshape(height, FINE, width, FINE).mean(axis=(1, 3))
    return share


def share_inside(
    energy: NDArray[np.float64], boxes_xyxy: NDArray[np.float64], content_xyxy: NDArray[np.float64]
) -> tuple[float | None, float | None]:
    """(share of the energy, share of the area) of an image that lies inside the union of its boxes.

    `content_xyxy` [4] is the image's place on the canvas; the letterbox bars count for neither. None if there is no
    energy, or no box.
    """
    if not len(boxes_xyxy):
        return None, None
    inside = coverage(boxes_xyxy, *energy.shape)
    content = coverage(content_xyxy[None], *energy.shape)
    total = float((energy * content).sum())
    return (float((energy * inside).sum()) / total if total else None), float(inside.sum() / content.sum())
