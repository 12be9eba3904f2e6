"""Heads and ground truth drawn on the GPU, as large as a detector's and val2017's."""

from __future__ import annotations

import numpy as np
import torch

from bench_freeze.kernels.matching import Lattice, TruthIndex, index_truth

CLASSES, ANCHORS = 80, 8400
CANDIDATES = 3111  # scores above THRESHOLD an image
THRESHOLD, IOU, MAX_DETECTIONS = 0.001, 0.7, 300
COCO = Lattice("coco", np.linspace(0.5, 0.95, 10), np.array([[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]]))


def drawn_heads(images: int, dtype: torch.dtype, seed: int = 0, device: str = "cuda") -> torch.Tensor:
    """[images, 84, 8400]: piles of boxes around forty objects. An anchor that scores does so in a few classes."""
    random = torch.Generator(device).manual_seed(seed)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=random, device=device)

    objects = uniform(images, 4, 40) * torch.tensor([600.0, 600.0, 200.0, 200.0], device=device)[:, None] + 20
    pile = torch.randint(0, 40, (images, 1, ANCHORS), generator=random, device=device).expand(-1, 4, -1)
    boxes = objects.gather(2, pile) * (0.9 + 0.2 * uniform(images, 4, ANCHORS))
    is_hit = uniform(images, CLASSES, ANCHORS) < CANDIDATES / (CLASSES * ANCHORS)
    scores = torch.where(is_hit, 0.0011 + 0.9 * uniform(images, CLASSES, ANCHORS) ** 4, 0.0)
    return torch.cat([boxes, scores], dim=1).to(dtype)


def drawn_truth(images: int) -> TruthIndex:
    """Seven boxes an image, as in COCO."""
    random = np.random.default_rng(0)
    rows = 7 * images
    boxes = random.uniform(10, 300, (rows, 4))
    return index_truth(
        random.integers(0, images, rows).astype(np.int32),
        random.integers(0, CLASSES, rows).astype(np.int32),
        boxes,
        boxes[:, 2] * boxes[:, 3],
        random.random(rows) < 0.01,
        np.zeros(rows, np.bool_),
        images=images,
        classes=CLASSES,
    )
