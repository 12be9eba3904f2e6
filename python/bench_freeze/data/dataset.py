"""Data sets as columns: produced by readers, used by the trainer and the evaluator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ImageRecord:
    """One image of a data set. `width` and `height` are in pixels of the upright image (EXIF orientation applied)."""

    image_id: int
    path: Path | None
    width: int
    height: int
    sha256: str = ""  # of the file's bytes
    decoder_mark: str = ""  # set if these bytes alone do not determine the pixels


@dataclass(frozen=True)
class GroundTruth:
    """The annotations of a data set, one row per box. Images and classes are referred to by index.

    Rows keep the order of the file, by which the COCO protocol breaks ties.

        >>> import numpy as np
        >>> from bench_freeze import GroundTruth
        >>> truth = GroundTruth(
        ...     image_ids=np.array([1, 2]),
        ...     category_ids=np.array([3]),
        ...     class_names=("pear",),
        ...     image_index=np.array([0], np.int32),
        ...     labels=np.array([0], np.int32),
        ...     boxes_xywh=np.array([[10.0, 10, 20, 20]]),
        ...     area=np.array([400.0]),
        ...     is_crowd=np.array([False]),
        ...     annotation_ids=np.array([1]),
        ... )
        >>> len(truth), truth.image_name(0)
        (1, '1')
    """

    image_ids: NDArray[np.int64]  # [I], as in the file
    category_ids: NDArray[np.int64]  # [K], as in the file: COCO's run to 90 with gaps
    class_names: tuple[str, ...]  # [K]
    image_index: NDArray[np.int32]  # [N], position in image_ids
    labels: NDArray[np.int32]  # [N], position in category_ids
    boxes_xywh: NDArray[np.float64]  # [N, 4], pixels: left, top, width, height
    area: NDArray[np.float64]  # [N], the annotation's own area, which is not width * height where masks exist
    is_crowd: NDArray[np.bool_]  # [N]
    annotation_ids: NDArray[np.int64]  # [N], unique
    image_keys: tuple[str, ...] | None = None  # [I], the file's ids if they are text; image_ids number them
    category_keys: tuple[str, ...] | None = None  # [K], likewise

    def __len__(self) -> int:
        return len(self.labels)

    def image_name(self, position: int) -> str:
        """The id of an image for messages: a number, or text in quotes."""
        return str(self.image_ids[position]) if self.image_keys is None else repr(self.image_keys[position])


@dataclass(frozen=True)
class DetectionTable:
    """The detections of one head on one data set, one row per box, in the order of detection.

    >>> import numpy as np
    >>> from bench_freeze import DetectionTable
    >>> table = DetectionTable(
    ...     image_index=np.array([0, 1], np.int32),
    ...     labels=np.array([0, 0], np.int32),
    ...     boxes_xywh=np.array([[10.0, 10, 20, 20], [0, 0, 5, 5]]),
    ...     scores=np.array([0.9, 0.2]),
    ... )
    >>> len(table)
    2
    """

    image_index: NDArray[np.int32]  # [N]
    labels: NDArray[np.int32]  # [N], position in the ground truth's category_ids
    boxes_xywh: NDArray[np.float64]  # [N, 4], pixels of the original image
    scores: NDArray[np.float64]  # [N]

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class DetectionSet:
    """A data set: images on disk with their ground truth.

    `notes` tell the user how unusual rows were read (polygons, clipped boxes ...); `counts` has the same facts as
    numbers. `sha256` covers image bytes and annotations.
    """

    name: str
    images: tuple[ImageRecord, ...]
    ground_truth: GroundTruth
    sha256: str
    counts: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.ground_truth.class_names


def content_sha256(images: tuple[ImageRecord, ...], ground_truth: GroundTruth) -> str:
    """Hash of everything that results depend on: image bytes in order, their decoding, annotations, class names.

    File names and folders are excluded, so a moved data set keeps its hash.
    """
    import hashlib

    digest = hashlib.sha256()
    for image in images:
        digest.update(np.array([image.image_id, image.width, image.height], dtype=np.int64).tobytes())
        digest.update(image.sha256.encode() + image.decoder_mark.encode())
    for column in fields(ground_truth):
        value = getattr(ground_truth, column.name)
        if value is None:  # ids are numbers
            continue
        digest.update("\0".join(value).encode() if isinstance(value, tuple) else np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def keep_classes(data: DetectionSet, keep: tuple[int, ...]) -> DetectionSet:
    """The data set with the classes at indices `keep` only. Images stay, even without boxes."""
    if keep == tuple(range(len(data.class_names))):
        return data
    old = data.ground_truth
    new_position = np.full(len(old.class_names), -1, dtype=np.int32)
    new_position[list(keep)] = np.arange(len(keep))
    rows = new_position[old.labels] >= 0
    ground_truth = with_rows(
        old,
        rows,
        category_ids=old.category_ids[list(keep)],
        category_keys=_some(old.category_keys, keep),
        class_names=tuple(old.class_names[k] for k in keep),
        labels=new_position[old.labels[rows]],
    )
    return replace(data, ground_truth=ground_truth)


def truth_of_images(ground_truth: GroundTruth, keep: NDArray[np.integer]) -> GroundTruth:
    """The annotations of some images, given as ascending indices."""
    new_position = np.full(len(ground_truth.image_ids), -1, dtype=np.int32)
    new_position[keep] = np.arange(len(keep), dtype=np.int32)
    rows = new_position[ground_truth.image_index] >= 0
    return with_rows(
        ground_truth,
        rows,
        image_ids=ground_truth.image_ids[keep],
        image_keys=_some(ground_truth.image_keys, keep),
        image_index=new_position[ground_truth.image_index[rows]],
    )


def _some(keys: tuple[str, ...] | None, keep: Iterable[int]) -> tuple[str, ...] | None:
    return None if keys is None else tuple(keys[k] for k in keep)


def with_rows(ground_truth: GroundTruth, rows: NDArray[np.bool_], **changes: object) -> GroundTruth:
    """Some of the annotations, with `changes` to their fields or to the data set's."""
    fields = ("image_index", "labels", "boxes_xywh", "area", "is_crowd", "annotation_ids")
    return replace(ground_truth, **({name: getattr(ground_truth, name)[rows] for name in fields} | changes))
