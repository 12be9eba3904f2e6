"""A data set as batches of canvases with their objects, for the analyses that need both."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import DetectionSet
from ..data.letterbox import Letterbox
from ..data.loader import load_batches
from .numbers.labelled import LabelledImages


def labelled_batches(
    data: DetectionSet, *, imgsz: int, batch: int, workers: int | None, order: NDArray[np.integer] | None = None
) -> Iterator[LabelledImages]:
    """All images, in `order` where one is given; labels are positions of categories.

    Boxes are clipped to the image; crowd regions, which are not a single object, and boxes outside are left out.
    """
    order = np.arange(len(data.images)) if order is None else order
    truth = data.ground_truth
    for loaded in load_batches([data.images[k] for k in order], imgsz=imgsz, batch=batch, workers=workers):
        image, labels, boxes, content = [], [], [], []
        for i, placement in enumerate(loaded.letterboxes):
            rows = np.flatnonzero((truth.image_index == order[loaded.start + i]) & ~truth.is_crowd)
            corners = truth.boxes_xywh[rows].copy()
            corners[:, 2:] += corners[:, :2]
            corners = _fractions(placement, np.clip(corners, 0, [placement.width, placement.height] * 2))
            visible = (corners[:, 2:] > corners[:, :2]).all(axis=1)
            image.append(np.full(int(visible.sum()), i, np.int64))
            labels.append(truth.labels[rows][visible].astype(np.int64))
            boxes.append(corners[visible])
            content.append(_fractions(placement, np.array([[0, 0, placement.width, placement.height]], np.float64)))
        yield LabelledImages(
            images=loaded.images,
            content_xyxy=np.concatenate(content),
            image=np.concatenate(image),
            labels=np.concatenate(labels),
            boxes_xyxy=np.concatenate(boxes),
        )


def _fractions(placement: Letterbox, boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes of the image in fractions of its canvas."""
    return placement.to_canvas(boxes_xyxy) / placement.size
