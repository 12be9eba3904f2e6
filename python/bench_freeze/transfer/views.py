"""Views of a detection set's objects: rectangles that an object fills to a given share, and what else is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import DetectionSet
from ..data.letterbox import Letterbox, letterbox_into
from ..data.loader import decode_image
from .features import Canvases, pixels_sha256
from .parts import Mask, hide

FILLS = (1.0, 0.5, 0.25, 0.1)  # share of a view's area that its object fills, where the image is large enough
SMALLEST_SIDE = 8.0  # pixels of a box: a smaller one is a patch of few pixels in any view
INSIDE = 0.5  # share of an object's area that must lie in a view for the object to count as in view

Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class ObjectViews:
    """N objects, each in F views, ordered by image; boxes and views are x1, y1, x2, y2 in pixels."""

    image: NDArray[np.int64]  # [N], position in the data set
    labels: NDArray[np.int64]  # [N]
    views: NDArray[np.int64]  # [N, F, 4], whole pixels
    share: NDArray[np.float64]  # [N, F], the share actually filled: the border of the image may cut a view
    objects: NDArray[np.int64]  # [N, F], objects in view, including itself
    left_out: int  # objects that are too small

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, rows: NDArray[np.int64]) -> ObjectViews:
        """The objects at `rows`, in ascending order; `left_out` is unchanged."""
        own = np.sort(rows)
        return ObjectViews(
            self.image[own], self.labels[own], self.views[own], self.share[own], self.objects[own], self.left_out
        )


def object_views(
    data: DetectionSet, fills: tuple[float, ...] = FILLS, smallest_side: float = SMALLEST_SIDE
) -> ObjectViews:
    """Every object of a set, except crowd regions and objects that are too small, in F = len(fills) views."""
    truth = data.ground_truth
    rows = np.flatnonzero(~truth.is_crowd)
    rows = rows[np.argsort(truth.image_index[rows], kind="stable")]
    sizes = np.array([[image.width, image.height] for image in data.images], np.float64).reshape(-1, 2)
    limits = np.tile(sizes[truth.image_index[rows]], 2)
    boxes = truth.boxes_xywh[rows].copy()
    boxes[:, 2:] += boxes[:, :2]
    boxes = np.clip(boxes, 0, limits)
    large = (boxes[:, 2:] - boxes[:, :2] >= smallest_side).all(axis=1)
    image = truth.image_index[rows].astype(np.int64)
    kept, own_image = boxes[large], image[large]
    views = np.stack([view_of(kept, limits[large][:, :2], fill) for fill in fills], axis=1)
    objects = np.zeros(views.shape[:2], np.int64)
    for k in np.unique(own_image):
        others = boxes[image == k]
        objects[own_image == k] = (_inside(views[own_image == k], others) >= INSIDE).sum(axis=2)
    area = np.prod(kept[:, 2:] - kept[:, :2], axis=1)[:, None]
    share = np.minimum(1.0, area / np.prod(views[..., 2:] - views[..., :2], axis=2))
    labels = truth.labels[rows][large].astype(np.int64)
    return ObjectViews(own_image, labels, views, share, objects, int((~large).sum()))


def view_of(boxes: Boxes, sizes: Boxes, fill: float) -> NDArray[np.int64]:
    """Rectangles [N, 4] shaped like `boxes` [N, 4], which fill a share `fill` of them, moved to lie in the image.

    `sizes` [N, 2] are the widths and heights of the images; a rectangle larger than its image ends at the border.
    """
    centre, half = (boxes[:, 2:] + boxes[:, :2]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 / np.sqrt(fill)
    half = np.minimum(half, sizes / 2)
    centre = np.clip(centre, half, sizes - half)
    low = np.minimum(np.floor(centre - half + 1e-6), np.floor(boxes[:, :2]))
    high = np.maximum(np.ceil(centre + half - 1e-6), np.ceil(boxes[:, 2:]))
    return np.concatenate([np.maximum(low, 0), np.minimum(high, sizes)], axis=1).astype(np.int64)


def _inside(views: NDArray[np.int64], boxes: Boxes) -> NDArray[np.float64]:
    """The share of each box's area that lies in each view, [N, F, M]; 0 for a box without area."""
    low = np.maximum(views[..., None, :2], boxes[:, :2])
    high = np.minimum(views[..., None, 2:], boxes[:, 2:])
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    common = np.prod(np.maximum(high - low, 0), axis=-1)
    shares: NDArray[np.float64] = np.where(area > 0, common / np.where(area > 0, area, 1), 0)
    return shares


def view_canvases(data: DetectionSet, views: ObjectViews, imgsz: int, batch: int) -> Canvases:
    """All views letterboxed to `imgsz`, in the order [N, F]; each image is decoded once."""

    def pictures() -> Iterator[NDArray[np.float32]]:
        for _, canvas, _ in _views_of(data, views, imgsz):
            yield canvas

    count = len(views) * views.views.shape[1]
    return Canvases(count, _sha256(data, views), lambda: _batched(pictures(), batch))


def covered_canvases(data: DetectionSet, views: ObjectViews, covers: Mask, imgsz: int, batch: int) -> Canvases:
    """The first view of every object letterboxed, with each of its covers [N, V, G, G], in the order [N, V]."""

    def pictures() -> Iterator[NDArray[np.float32]]:
        for row, canvas, placement in _views_of(data, views, imgsz):
            content = (placement.left, placement.top, placement.resized_width, placement.resized_height)
            for cover in covers[row]:
                own = canvas.copy()
                hide(own, content, cover)
                yield own

    count = covers.shape[0] * covers.shape[1]
    return Canvases(count, _sha256(data, views, covers.tobytes()), lambda: _batched(pictures(), batch))


def _views_of(
    data: DetectionSet, views: ObjectViews, imgsz: int
) -> Iterator[tuple[int, NDArray[np.float32], Letterbox]]:
    """Yield (object, canvas, placement) for every view, in the order [N, F]."""
    for k in np.unique(views.image):
        pixels = decode_image(data.images[k])
        for row in np.flatnonzero(views.image == k).tolist():
            for left, top, right, bottom in views.views[row].tolist():
                canvas = np.empty((3, imgsz, imgsz), np.float32)
                yield row, canvas, letterbox_into(np.ascontiguousarray(pixels[top:bottom, left:right]), canvas)


def _batched(pictures: Iterator[NDArray[np.float32]], batch: int) -> Iterator[NDArray[np.float32]]:
    while waiting := list(islice(pictures, batch)):
        yield np.stack(waiting)


def _sha256(data: DetectionSet, views: ObjectViews, more: bytes = b"") -> str:
    digest = hashlib.sha256(pixels_sha256(data.images).encode())
    digest.update(views.image.tobytes() + views.views.tobytes() + more)
    return digest.hexdigest()
