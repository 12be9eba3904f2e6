"""The images that a fine-tuning learns from, epoch by epoch, with the targets of the reader for each view."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import ImageRecord
from ..data.loader import decode_image, load_batches
from ..data.many_files import default_workers
from .augment import View

Pixels = NDArray[np.float32]
Targets = NDArray[np.float32]


@dataclass(frozen=True)
class TrainingImages:
    """A share of a training split. Its randomness depends only on the seed, never on the source."""

    images: Sequence[ImageRecord]  # of the split
    rows: NDArray[np.int64]  # positions of the share's images
    draw: Callable[[int, int, int, np.random.Generator], View]  # from width, height and canvas size
    target: Callable[[int, View], Targets]  # class shares of every cell [K, h, w], for an image of the split
    seed: int
    size: int
    batch: int
    workers: int | None = None

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return math.ceil(len(self.rows) / self.batch)

    def epoch(self, number: int) -> Iterator[tuple[Pixels, Targets]]:
        """Yield batches ([B, 3, S, S], [B, K, h, w]) of about equal size over all images in a random order."""
        order = np.random.default_rng([self.seed, number]).permutation(self.rows)
        with ThreadPoolExecutor(self.workers or default_workers()) as pool:
            ahead: list[Future[tuple[Pixels, Targets]]] = []
            for part in np.array_split(order, self.steps):
                coming = [pool.submit(self._view, int(k), number) for k in part]
                if ahead:
                    yield _joined(ahead)
                ahead = coming
            yield _joined(ahead)

    def as_scored(self) -> Iterator[Pixels]:
        """Yield batches [B, 3, S, S] of the same images whole, without augmentation, as scored images are seen."""
        images = [self.images[k] for k in self.rows]
        size = math.ceil(len(images) / self.steps)
        for found in load_batches(images, imgsz=self.size, batch=size, workers=self.workers):
            yield found.images

    def at_the_start(self) -> Iterator[Pixels]:
        """Batches of all images, first as they are scored, then as the first epoch shows them.

        Both, because a random backbone's outputs to views unlike those that its BatchNorm was measured on can be a
        hundred times as large, more so the deeper the layer.
        """
        yield from self.as_scored()
        for pixels, _ in self.epoch(0):
            yield pixels

    def _view(self, k: int, epoch: int) -> tuple[Pixels, Targets]:
        image = self.images[k]
        view = self.draw(image.width, image.height, self.size, np.random.default_rng([self.seed, epoch, k]))
        canvas = np.empty((3, self.size, self.size), np.float32)
        view.draw(decode_image(image), canvas)
        return canvas, self.target(k, view)


def _joined(views: Sequence[Future[tuple[Pixels, Targets]]]) -> tuple[Pixels, Targets]:
    found = [view.result() for view in views]
    return np.stack([canvas for canvas, _ in found]), np.stack([target for _, target in found])
