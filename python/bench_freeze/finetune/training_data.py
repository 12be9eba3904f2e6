"""Our checked data set in the form of Ultralytics' training data set.

Ultralytics' own reader writes a cache next to the labels, may rewrite damaged images in place, and drops images whose
label file mixes boxes and polygons. This one receives labels that were read before and writes to none of the user's
folders. Images come from the same decoder as in scoring, so a model is trained on the pixels that it is scored on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from ultralytics.data.dataset import YOLODataset

from ..data.dataset import DetectionSet
from ..data.images import read_image
from ..errors import InputError
from .decoded import Decoded, size_at

Batch = dict[str, Any]  # a sample or a batch in Ultralytics' form: tensors, texts and sizes, by name


class Label(TypedDict):
    """One image's labels in Ultralytics' form."""

    im_file: str
    shape: tuple[int, int]  # height, width
    cls: NDArray[np.float32]  # [N, 1]
    bboxes: NDArray[np.float32]  # [N, 4], centre and size as fractions of the image
    segments: list[NDArray[np.float32]]
    keypoints: None
    normalized: bool
    bbox_format: str


def training_labels(data: DetectionSet) -> list[Label]:
    """Ultralytics' label dictionaries, one per image: classes [N, 1], boxes [N, 4] (centre and size as fractions).

    Boxes are clipped to the image. Crowd regions are left out, because they are not single objects.
    """
    truth = data.ground_truth
    labels: list[Label] = []
    order = np.argsort(truth.image_index, kind="stable")
    starts = np.searchsorted(truth.image_index[order], np.arange(len(data.images) + 1))
    for i, image in enumerate(data.images):
        rows = order[starts[i] : starts[i + 1]]
        rows = rows[~truth.is_crowd[rows]]
        sides = np.array([image.width, image.height], dtype=np.float64)
        top_left = np.clip(truth.boxes_xywh[rows, :2], 0, sides)
        bottom_right = np.clip(truth.boxes_xywh[rows, :2] + truth.boxes_xywh[rows, 2:], 0, sides)
        visible = (bottom_right > top_left).all(axis=1)
        top_left, bottom_right = top_left[visible] / sides, bottom_right[visible] / sides
        boxes = np.concatenate([(top_left + bottom_right) / 2, bottom_right - top_left], axis=1)
        labels.append(
            {
                "im_file": str(image.path),
                "shape": (image.height, image.width),
                "cls": truth.labels[rows][visible].astype(np.float32).reshape(-1, 1),
                "bboxes": boxes.astype(np.float32),
                "segments": [],
                "keypoints": None,
                "normalized": True,
                "bbox_format": "xywh",
            }
        )
    return labels


class CheckedDataset(YOLODataset):
    """A YOLODataset over labels already in memory. Every sample states its image's number (`index`)."""

    def __init__(self, data_set: DetectionSet, *, decoded: Decoded | None = None, **kwargs: object) -> None:
        self._data_set = data_set
        self._decoded = decoded  # for this set at this size; None if nothing is kept
        self._sizes = {str(image.path): (image.height, image.width) for image in data_set.images}
        super().__init__(img_path="", **kwargs)
        self.labels_only: list[Batch] | None = None  # samples without images, when no layer reads images

    def __getitem__(self, index: int) -> Batch:
        """One sample; with `labels_only` no image is read, and `img` is empty."""
        if self.labels_only is None:
            return self.read(index)
        kept = self.labels_only[index].items()
        own = {name: value.clone() if isinstance(value, torch.Tensor) else value for name, value in kept}
        return own | {"img": torch.empty(0)}

    def read(self, index: int) -> Batch:
        """One sample with its image."""
        sample: Batch = super().__getitem__(index)
        return sample | {"index": index}

    def load_image(self, i: int) -> tuple[NDArray[np.uint8], tuple[int, int], tuple[int, int]]:
        """Image `i` as [H, W, 3] BGR with its long side at `imgsz`, its (height, width) in the file, and its new one.

        An x.npy next to x.jpg is neither read nor written. With augmentation, the latest `max_buffer_length` images
        stay in memory for mosaic. Raises InputError if a file's size has changed since the data were checked.
        """
        if self.ims[i] is not None:
            return self.ims[i], self.im_hw0[i], self.im_hw[i]
        size = self._sizes[self.im_files[i]]
        image = None if self._decoded is None else self._decoded.find(i)
        if image is None:
            image = self._decode(i)
            if self._decoded is not None:
                self._decoded.keep(i, image)
        if self.augment and self.cache != "ram":
            self.ims[i], self.im_hw0[i], self.im_hw[i] = image, size, image.shape[:2]
            self.buffer.append(i)
            if 1 < len(self.buffer) >= self.max_buffer_length:
                oldest = self.buffer.pop(0)
                self.ims[oldest], self.im_hw0[oldest], self.im_hw[oldest] = None, None, None
        return image, size, image.shape[:2]

    def _decode(self, i: int) -> NDArray[np.uint8]:
        file = self.im_files[i]
        image = read_image(Path(file), "BGR")
        height, width = image.shape[:2]
        stated_height, stated_width = self._sizes[file]
        if (height, width) != (stated_height, stated_width):
            raise InputError(
                f"{file} is {width}x{height} pixels but was {stated_width}x{stated_height} when the data were checked; "
                "do not change the data while a study runs."
            )
        return _with_long_side(image, self.imgsz if isinstance(self.imgsz, int) else max(self.imgsz))

    def get_img_files(self, img_path: str | list[str]) -> list[str]:
        """The images of the data set, in its order."""
        return [str(image.path) for image in self._data_set.images]

    def get_labels(self) -> list[Label]:
        """The labels of the data set, in its order."""
        return training_labels(self._data_set)


def _with_long_side(image: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    """The image with its long side at `length`, resized bilinearly if its size changes."""
    height, width = image.shape[:2]
    new_height, new_width = size_at(height, width, length)
    if (new_height, new_width) == (height, width):
        return image
    resized: NDArray[np.uint8] = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    return resized
