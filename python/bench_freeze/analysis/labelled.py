"""A data set as batches of canvases with their objects, for the analyses that need both."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import DetectionSet, GroundTruth
from ..data.letterbox import Letterbox
from ..data.loader import load_batches
from .numbers.labelled import LabelledImages


def labelled_batches(
    data: DetectionSet, *, imgsz: int, batch: int, workers: int | None, order: NDArray[np.integer] | None = None
) -> Iterator[LabelledImages]:
    """All images, in `order` if given; labels are positions of categories.

    Boxes are clipped to the image. Crowd regions, which are not single objects, and boxes outside it are left out.
    """
    order = np.arange(len(data.images)) if order is None else order
    truth = data.ground_truth
    for loaded in load_batches([data.images[k] for k in order], imgsz=imgsz, batch=batch, workers=workers):
        image, labels, boxes, content = [], [], [], []
        for i, placement in enumerate(loaded.letterboxes):
            own_labels, own_boxes = objects_on_canvas(truth, int(order[loaded.start + i]), placement)
            image.append(np.full(len(own_labels), i, np.int64))
            labels.append(own_labels)
            boxes.append(own_boxes)
            content.append(content_of(placement)[None])
        yield LabelledImages(
            images=loaded.images,
            content_xyxy=np.concatenate(content),
            image=np.concatenate(image),
            labels=np.concatenate(labels),
            boxes_xyxy=np.concatenate(boxes),
        )


def objects_on_canvas(
    truth: GroundTruth, position: int, placement: Letterbox
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """([N], [N, 4]) labels and boxes, in fractions of the canvas, of the objects of the image at `position`.

    As in `labelled_batches`: clipped to the image, without crowd regions and boxes outside it.
    """
    rows = np.flatnonzero((truth.image_index == position) & ~truth.is_crowd)
    corners = truth.boxes_xywh[rows].copy()
    corners[:, 2:] += corners[:, :2]
    corners = _fractions(placement, np.clip(corners, 0, [placement.width, placement.height] * 2))
    visible = (corners[:, 2:] > corners[:, :2]).all(axis=1)
    return truth.labels[rows][visible].astype(np.int64), corners[visible]


def content_of(placement: Letterbox) -> NDArray[np.float64]:
    """[4] where the image lies, in fractions of its canvas."""
    corners: NDArray[np.float64] = _fractions(
        placement, np.array([[0, 0, placement.width, placement.height]], np.float64)
    )[0]
    return corners


def _fractions(placement: Letterbox, boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes of the image in fractions of its canvas."""
    return placement.to_canvas(boxes_xyxy) / placement.size
