"""Images with their objects, as the analyses take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelledImages:
    """A batch of square canvases with their objects; row n is an object of image `image[n]`."""

    images: NDArray[np.float32]  # [B, 3, S, S], RGB, 0 to 1
    content_xyxy: NDArray[np.float64]  # [B, 4], where the image lies, in fractions of the canvas
    image: NDArray[np.int64]  # [N]
    labels: NDArray[np.int64]  # [N]
    boxes_xyxy: NDArray[np.float64]  # [N, 4], in fractions of the canvas

    @property
    def boxes_cxcywh(self) -> NDArray[np.float64]:
        """[N, 4] centre and size, in fractions of the canvas."""
        low, high = self.boxes_xyxy[:, :2], self.boxes_xyxy[:, 2:]
        return np.concatenate([(low + high) / 2, high - low], axis=1)
