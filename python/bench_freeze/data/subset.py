"""Some of the images of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .dataset import DetectionSet, content_sha256


def keep_images(data: DetectionSet, keep: Sequence[int]) -> DetectionSet:
    """The data set with only the images at these positions, in ascending order; classes stay, even without boxes."""
    positions = np.unique(np.asarray(keep, dtype=np.int64))
    if len(positions) == len(data.images):
        return data
    old = data.ground_truth
    new_position = np.full(len(data.images), -1, dtype=np.int32)
    new_position[positions] = np.arange(len(positions))
    rows = new_position[old.image_index] >= 0
    images = tuple(data.images[k] for k in positions)
    ground_truth = replace(
        old,
        image_ids=old.image_ids[positions],
        image_index=new_position[old.image_index[rows]],
        labels=old.labels[rows],
        boxes_xywh=old.boxes_xywh[rows],
        area=old.area[rows],
        is_crowd=old.is_crowd[rows],
        annotation_ids=old.annotation_ids[rows],
    )
    with_boxes = len(np.unique(ground_truth.image_index))
    counts = {
        "images": len(images),
        "boxes": len(ground_truth),
        "crowd_boxes": int(ground_truth.is_crowd.sum()),
        "background_images": len(images) - with_boxes,
    }
    return replace(
        data, images=images, ground_truth=ground_truth, sha256=content_sha256(images, ground_truth), counts=counts
    )
