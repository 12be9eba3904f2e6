"""The detections of one head in one image, and their conversion to other packages' formats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


@dataclass(frozen=True)
class ImageDetections:
    """Detections of one head in one image, best score first.

    `category_ids` has the category id of each class in the data set that the head was scored on, or None for a class
    that the set does not have. It is None itself if the data set is unknown.

    Example:
        >>> from bench_freeze import load
        >>> found = load("model.onnx", conf=0.3)("image.png")["target"]
        >>> found.boxes_xyxy.tolist(), found.names
        ([[16.0, 8.0, 48.0, 40.0]], ('pear',))
        >>> found.to_coco(image_id=7)[0]["bbox"]
        [16.0, 8.0, 32.0, 32.0]
    """

    boxes_xyxy: NDArray[np.float64]  # [N, 4], pixels of the image: left, top, right, bottom
    scores: NDArray[np.float32]  # [N], 0 to 1
    labels: NDArray[np.int32]  # [N], position in class_names
    class_names: tuple[str, ...]  # [C]
    category_ids: tuple[int | str | None, ...] | None = None  # [C]

    def __len__(self) -> int:
        return len(self.scores)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """[N] class name of each detection."""
        return tuple(self.class_names[label] for label in self.labels)

    def only(self, kept: NDArray[np.bool_]) -> ImageDetections:
        """The detections where `kept`, a boolean array [N], is true."""
        return replace(self, boxes_xyxy=self.boxes_xyxy[kept], scores=self.scores[kept], labels=self.labels[kept])

    def to_coco(self, image_id: int | str) -> list[dict[str, Any]]:
        """Detections in COCO's results format: {image_id, category_id, bbox [left, top, width, height], score}.

        Category ids are those of the head's data set, and classes that are not in it are left out. If the data set is
        unknown, they are class indices from 0.
        """
        ids = range(len(self.class_names)) if self.category_ids is None else self.category_ids
        sides = self.boxes_xyxy[:, 2:] - self.boxes_xyxy[:, :2]
        boxes = np.concatenate([self.boxes_xyxy[:, :2], sides], axis=1).tolist()
        rows = zip(self.labels.tolist(), boxes, self.scores.astype(np.float64).tolist(), strict=True)
        return [
            {"image_id": image_id, "category_id": ids[label], "bbox": box, "score": score}
            for label, box, score in rows
            if ids[label] is not None
        ]

    def to_supervision(self) -> Any:
        """The detections as `supervision.Detections`. Raises InputError if that package is not installed."""
        try:
            import supervision
        except ImportError:
            raise InputError(
                "to_supervision() needs the package supervision; install it with: pip install supervision."
            ) from None
        return supervision.Detections(
            xyxy=self.boxes_xyxy.astype(np.float32),
            confidence=self.scores.astype(np.float32),
            class_id=self.labels.astype(int),
            data={"class_name": np.array(self.names, dtype=str)},
        )
