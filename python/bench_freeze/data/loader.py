"""Batches of images, letterboxed or only decoded, read ahead by threads (both release the interpreter lock)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .dataset import ImageRecord
from .images import read_image
from .letterbox import Letterbox, letterbox_into
from .many_files import default_workers

READ_AHEAD_BYTES = 2 << 30  # of decoded images, whose size varies with the files


@dataclass(frozen=True)
class Batch:
    """Consecutive images of a data set, ready for an engine."""

    start: int  # position of the first image in the data set
    images: NDArray[np.float32]  # [B, 3, S, S], RGB, 0 to 1
    letterboxes: tuple[Letterbox, ...]  # [B]


@dataclass(frozen=True)
class DecodedBatch:
    """Consecutive images of a data set as they are in their files, for an engine that letterboxes them itself."""

    start: int  # position of the first image in the data set
    images: tuple[NDArray[np.uint8], ...]  # [H, W, 3] each, RGB
    letterboxes: tuple[Letterbox, ...]  # [B], their later placement


_Loaded = TypeVar("_Loaded", Batch, DecodedBatch)


def no_lap(stage: str) -> None:
    """A `lap` that does nothing."""


def decode_image(record: ImageRecord, lap: Callable[[str], None] = no_lap) -> NDArray[np.uint8]:
    """Read an image as [H, W, 3] RGB. Raises InputError if its size is not that of the annotations.

    `lap("read")` is called at the end.
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
    return image


def load_image(record: ImageRecord, canvas: NDArray[np.float32], lap: Callable[[str], None] = no_lap) -> Letterbox:
    """Read one image onto its canvas, as `decode_image` does; its laps are "read" and "letterbox"."""
    image = decode_image(record, lap)
    placement = letterbox_into(image, canvas)
    lap("letterbox")
    return placement


def load_batch(records: Sequence[ImageRecord], start: int, imgsz: int, lap: Callable[[str], None] = no_lap) -> Batch:
    """Read consecutive images into one batch, in the calling thread."""
    images = np.empty((len(records), 3, imgsz, imgsz), dtype=np.float32)
    return Batch(start, images, tuple(load_image(r, images[i], lap) for i, r in enumerate(records)))


def decode_batch(
    records: Sequence[ImageRecord], start: int, imgsz: int, lap: Callable[[str], None] = no_lap
) -> DecodedBatch:
    """As `load_batch`, but decoded only, without letterboxing."""
    images = tuple(decode_image(record, lap) for record in records)
    return DecodedBatch(start, images, tuple(Letterbox.fit(i.shape[1], i.shape[0], imgsz) for i in images))


def load_batches(
    records: Sequence[ImageRecord], *, imgsz: int, batch: int, workers: int | None = None
) -> Iterator[Batch]:
    """All images in order, `batch` at a time (the last may be smaller), at most two batches ahead per worker."""
    yield from _read_ahead(load_batch, records, imgsz, batch, workers, _no_bytes)


def decode_batches(
    records: Sequence[ImageRecord], *, imgsz: int, batch: int, workers: int | None = None
) -> Iterator[DecodedBatch]:
    """As `load_batches`, but decoded only; reads ahead at most READ_AHEAD_BYTES."""
    yield from _read_ahead(decode_batch, records, imgsz, batch, workers, _decoded_bytes)


def _read_ahead(
    load: Callable[[Sequence[ImageRecord], int, int], _Loaded],
    records: Sequence[ImageRecord],
    imgsz: int,
    batch: int,
    workers: int | None,
    bytes_of: Callable[[Sequence[ImageRecord]], int],
) -> Iterator[_Loaded]:
    workers = workers or default_workers()
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[tuple[Future[_Loaded], int]] = deque()
        held = 0
        try:
            for start in range(0, len(records), batch):
                chosen = records[start : start + batch]
                size = bytes_of(chosen)
                while ahead and (len(ahead) > 2 * workers or held + size > READ_AHEAD_BYTES):
                    future, done = ahead.popleft()
                    held -= done
                    yield future.result()
                ahead.append((pool.submit(load, chosen, start, imgsz), size))
                held += size
            while ahead:
                yield ahead.popleft()[0].result()
        finally:
            for future, _ in ahead:
                future.cancel()


def _no_bytes(records: Sequence[ImageRecord]) -> int:
    """0 bytes: canvases need no limit, since the caller chose their size."""
    return 0


def _decoded_bytes(records: Sequence[ImageRecord]) -> int:
    return sum(3 * record.width * record.height for record in records)
