"""Batches of letterboxed images, read ahead by threads (decoding and letterboxing release the interpreter lock)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .dataset import ImageRecord
from .images import default_workers, read_image
from .letterbox import Letterbox, letterbox_into


@dataclass(frozen=True)
class Batch:
    """Consecutive images of a data set, ready for an engine."""

    start: int  # position of the first image in the data set
    images: NDArray[np.float32]  # [B, 3, S, S], RGB, 0 to 1
    letterboxes: tuple[Letterbox, ...]  # [B]


def no_lap(stage: str) -> None:
    """Times nothing: what `lap` is where nobody watches the stages."""


def load_image(record: ImageRecord, canvas: NDArray[np.float32], lap: Callable[[str], None] = no_lap) -> Letterbox:
    """Read one image onto its canvas. Raises InputError when it is not of the size that the annotations are for.

    `lap(stage)` is called at the end of each stage: "read", "letterbox".
    """
    if record.path is None:
        raise InputError(f"image {record.image_id} has no file; this data set can be scored but not run.")
    image = read_image(record.path)
    if image.shape[:2] != (record.height, record.width):
        raise InputError(
            f"{record.path} is {image.shape[1]}x{image.shape[0]} pixels but the annotations are for "
            f"{record.width}x{record.height}; use the images that the annotations were made for."
        )
    lap("read")
    placement = letterbox_into(image, canvas)
    lap("letterbox")
    return placement


def load_batch(records: Sequence[ImageRecord], start: int, imgsz: int, lap: Callable[[str], None] = no_lap) -> Batch:
    """Read consecutive images into one batch, in the calling thread."""
    images = np.empty((len(records), 3, imgsz, imgsz), dtype=np.float32)
    return Batch(start, images, tuple(load_image(r, images[i], lap) for i, r in enumerate(records)))


def load_batches(
    records: Sequence[ImageRecord], *, imgsz: int, batch: int, workers: int | None = None
) -> Iterator[Batch]:
    """All images in order, `batch` at a time (the last may be smaller), at most two batches ahead per worker."""
    workers = workers or default_workers()
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[Batch]] = deque()
        try:
            for start in range(0, len(records), batch):
                ahead.append(pool.submit(load_batch, records[start : start + batch], start, imgsz))
                if len(ahead) > 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
