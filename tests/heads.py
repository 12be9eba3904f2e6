"""Raw detector outputs for tests: seeded, shaped like a YOLO head's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def random_head(seed: int, *, images: int = 1, classes: int = 5, anchors: int = 300) -> NDArray[np.float32]:
    """[B, 4 + C, A] in cxcywh: piles of overlapping boxes, and scores that reach the usual threshold now and then."""
    rng = np.random.default_rng(seed)
    head = np.empty((images, 4 + classes, anchors), np.float32)
    centres = rng.uniform(50, 600, (images, 4, 12))
    pile = rng.integers(0, 12, (images, anchors))
    for image in range(images):
        head[image, :4] = centres[image][:, pile[image]]
    head[:, :2] += rng.normal(0, 8, (images, 2, anchors))
    head[:, 2:4] *= rng.uniform(0.3, 0.5, (images, 2, anchors))
    head[:, 4:] = rng.uniform(0, 1, (images, classes, anchors)) ** 8
    return head


def lattice_head(seed: int, *, images: int = 1, classes: int = 3, anchors: int = 120) -> NDArray[np.float32]:
    """[B, 4 + C, A] in xyxy: whole-pixel boxes and few score levels, so that IoUs and scores tie all the time."""
    rng = np.random.default_rng(seed)
    head = np.empty((images, 4 + classes, anchors), np.float32)
    head[:, :2] = rng.integers(0, 8, (images, 2, anchors))
    head[:, 2:4] = head[:, :2] + rng.integers(0, 8, (images, 2, anchors))
    head[:, 4:] = rng.integers(0, 6, (images, classes, anchors)) / 8
    return head
