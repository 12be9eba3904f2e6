"""Training images, decoded once for all epochs and kept at training size: in memory, else in a file, else not at all.

Decoding and resizing an image takes milliseconds in every epoch (tens of them for a 12-megapixel photo) and gives the
same pixels each time. This module keeps a copy of those pixels, so the trained weights are unaffected. The data
loader's workers are forks and share the memory: what one has decoded, all others find.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import DetectionSet
from ..measure.free_memory import free_host_bytes

SHARE = 0.25  # of the memory or disk that is free at the start; training needs the rest
Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class Room:
    """Where the pixels of all images are kept, and their size in bytes; if nowhere (`where` is None), why not."""

    where: Literal["memory", "disk"] | None
    n_bytes: int
    why_not: str = ""

    @property
    def in_words(self) -> str:
        """A sentence for the user."""
        amount = f"{self.n_bytes / 1e6:,.0f} MB"
        if self.where is None:
            return f"training images are decoded again in every epoch: {self.why_not} ({amount} of pixels)"
        place = "in memory" if self.where == "memory" else "on disk"
        return f"training images are decoded once and kept {place}: {amount}"


def room_for(
    sizes: Iterable[Size],
    folder: Path,
    workers: int,
    free_memory: Callable[[], int | None] = free_host_bytes,
    free_disk: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Room:
    """Choose a place for all images: memory if a quarter of what is free holds them, else `folder`'s disk, else none.

    `sizes` are (height, width) in pixels. `workers` is the number of the data loader's processes, which can share
    memory only if they are forks.
    """
    n_bytes = sum(map(_bytes_of, sizes))
    if workers and multiprocessing.get_start_method() != "fork":
        return Room(None, n_bytes, "the loader's workers cannot share memory here")
    if n_bytes <= SHARE * (free_memory() or 0):
        return Room("memory", n_bytes)
    if n_bytes <= SHARE * free_disk(folder):
        return Room("disk", n_bytes)
    return Room(None, n_bytes, "neither memory nor disk has room for them")


def training_sizes(data: DetectionSet, imgsz: int) -> list[Size]:
    """Height and width of every image with its long side at `imgsz`."""
    return [size_at(image.height, image.width, imgsz) for image in data.images]


def size_at(height: int, width: int, length: int) -> Size:
    """The size (height, width) with the long side at `length` and the short side rounded up, as Ultralytics does it."""
    ratio = length / max(height, width)
    if ratio == 1:
        return height, width
    return min(math.ceil(height * ratio), length), min(math.ceil(width * ratio), length)


class Decoded(Protocol):
    """The decoded images of a data set, by their number in it."""

    def find(self, number: int) -> NDArray[np.uint8] | None:
        """A copy of an image's pixels [height, width, 3]; None if they have not been kept yet."""

    def keep(self, number: int, image: NDArray[np.uint8]) -> None:
        """Keep the pixels of an image."""


class DecodedImages:
    """Decoded images [height, width, 3] by number, shared with every process forked from this one.

    A process that received a pickled copy instead keeps nothing and finds nothing.
    """

    def __init__(self, sizes: Sequence[Size], room: Room, folder: Path) -> None:
        self._sizes = list(sizes)
        self._starts = np.cumsum([0, *map(_bytes_of, sizes)], dtype=np.int64)
        self._lock = multiprocessing.Lock()
        self._memory: mmap.mmap | None = None
        if room.where is None or not room.n_bytes:
            return
        length = room.n_bytes + len(sizes)  # after the pixels, one byte per image marks whether it is kept
        if room.where == "memory":
            self._memory = mmap.mmap(-1, length)
            return
        # The file has no name: it disappears with the last process that maps it. Its space is allocated at once: a disk
        # that fills up later would kill the process that writes through the mapping. If that fails, nothing is kept.
        with contextlib.suppress(OSError, AttributeError), tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, length)
            self._memory = mmap.mmap(file.fileno(), length)

    def __getstate__(self) -> dict[str, object]:
        return {"_sizes": self._sizes, "_starts": self._starts, "_lock": None, "_memory": None}

    def find(self, number: int) -> NDArray[np.uint8] | None:
        """A copy of an image's pixels; None if they have not been kept yet."""
        if self._memory is None:
            return None
        with self._lock:  # a memory barrier: whoever sees the mark also sees the pixels
            is_there = self._memory[self._mark(number)]
        if not is_there:
            return None
        first, end = int(self._starts[number]), int(self._starts[number + 1])
        return np.frombuffer(self._memory, np.uint8, end - first, first).reshape(*self._sizes[number], 3).copy()

    def keep(self, number: int, image: NDArray[np.uint8]) -> None:
        """Keep the pixels of an image; one of a different size than announced is ignored."""
        if self._memory is None or image.shape != (*self._sizes[number], 3):
            return
        first, end = int(self._starts[number]), int(self._starts[number + 1])
        self._memory[first:end] = image.tobytes()
        with self._lock:
            self._memory[self._mark(number)] = 1

    def _mark(self, number: int) -> int:
        return int(self._starts[-1]) + number


class Shelf:
    """The decoded images of several trainings in one process: what one training decoded, the next one finds."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str, int], tuple[DecodedImages, int]] = {}

    def images(self, data: DetectionSet, imgsz: int, folder: Path, workers: int) -> Decoded:
        """The decoded images of a data set. Room is requested only for images that no earlier set had."""
        keys = [(str(image.path), image.sha256, imgsz) for image in data.images]
        new = [number for number, key in enumerate(keys) if key not in self._places]
        if new:
            sizes = training_sizes(data, imgsz)
            added = [sizes[number] for number in new]
            decoded = DecodedImages(added, room_for(added, folder, workers), folder)
            self._places |= {keys[number]: (decoded, place) for place, number in enumerate(new)}
        return _OnShelf([self._places[key] for key in keys])


@dataclass(frozen=True)
class _OnShelf:
    """One data set's images, wherever they are on the shelf."""

    places: Sequence[tuple[DecodedImages, int]]

    def find(self, number: int) -> NDArray[np.uint8] | None:
        decoded, place = self.places[number]
        return decoded.find(place)

    def keep(self, number: int, image: NDArray[np.uint8]) -> None:
        decoded, place = self.places[number]
        decoded.keep(place, image)


_shelf: ContextVar[Shelf | None] = ContextVar("shelf", default=None)


@contextlib.contextmanager
def shared_between_trainings() -> Iterator[None]:
    """Let all trainings in this block share their decoded images; the memory is freed at the end."""
    token = _shelf.set(Shelf())
    try:
        yield
    finally:
        _shelf.reset(token)


def decoded_images(data: DetectionSet, imgsz: int, folder: Path, workers: int) -> Decoded:
    """The store for a data set's images at training size: in memory or in `folder`, if there is room."""
    return (_shelf.get() or Shelf()).images(data, imgsz, folder, workers)


def _bytes_of(size: Size) -> int:
    height, width = size
    return height * width * 3
