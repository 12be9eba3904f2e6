"""The detections of an update as rows, and how they come from a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import DetectionTable
from ..errors import InputError
from ..kernels.arrays import AnyArray
from ..kernels.rows import column_of_numbers, positions_of, rows_of_boxes


@dataclass(frozen=True)
class Incoming:
    """Rows of B images; `image` is a position among them. Columns may have any type: `match` reads and checks them."""

    image: NDArray[np.int32]  # [N]
    labels: AnyArray  # [N]
    boxes_xywh: AnyArray  # [N, 4], pixels of the image
    scores: AnyArray  # [N]
    dropped: int = 0  # detections beyond a limit of NMS


def rows_of_table(
    table: DetectionTable, images: int, among: NDArray[np.int32] | None = None
) -> tuple[NDArray[np.int32], Incoming]:
    """Positions of the images that have rows, and the rows. With `among`, those images, with or without rows.

    Raises InputError for an image that is out of range, or not in `among`.
    """
    image = positions_of("detections", "image", table.image_index, images)
    is_added = np.zeros(images, np.bool_)
    is_added[image if among is None else among] = True
    if among is not None and not is_added[image].all():
        row = int(np.flatnonzero(~is_added[image])[0])
        raise InputError(
            f"detections[{row}] belongs to an image that image_ids does not name: add its id, or give none"
        )
    positions = np.flatnonzero(is_added).astype(np.int32)
    numbers = (np.cumsum(is_added) - 1).astype(np.int32)
    image = image if len(positions) == images else numbers[image]
    return positions, Incoming(image, table.labels, table.boxes_xywh, table.scores)


def sound_table(table: DetectionTable, images: int, classes: int) -> DetectionTable:
    """The same detections, with every column in the type that DetectionTable declares. Raises InputError."""
    image, label, boxes = rows_of_boxes(
        "detections", images, classes, table.image_index, table.labels, table.boxes_xywh
    )
    return DetectionTable(image, label, boxes, column_of_numbers("detections", "score", table.scores, len(label)))
