"""The real images that calibrate and check conversions to fp16 and int8."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import DetectionSet
from ..data.images import spread
from ..data.loader import load_batch

IMAGES_PER_SET = 32


@dataclass(frozen=True)
class CalibrationSets:
    """Images of the target set's training split and of the base set, spread evenly; labels are not used.

    A study has no training split of the base set, so int8 ranges come from images that are scored later. Their labels
    remain unseen.
    """

    sets: tuple[DetectionSet, ...]
    imgsz: int

    def identity(self) -> dict[str, object]:
        """Everything about the images that a conversion depends on."""
        return {"sets": [data.sha256 for data in self.sets], "per_set": IMAGES_PER_SET, "imgsz": self.imgsz}

    def load(self) -> NDArray[np.float32]:
        """Letterboxed images [N, 3, S, S] of all sets."""
        records = [record for data in self.sets for record in spread(data.images, IMAGES_PER_SET)]
        return load_batch(records, 0, self.imgsz).images
