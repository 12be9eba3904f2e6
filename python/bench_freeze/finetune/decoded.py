"""Training images decoded once for all epochs: at training size, in memory where they fit, else in a file, else not.

Decoding a picture and bringing it to size takes milliseconds in every epoch, or tens of them for a photo of 12
megapixels, and gives the same pixels each time. What is kept here is a copy of them, so no weight changes by it.
Workers of the data loader are forks: what one of them decoded all others have.
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

SHARE = 0.25  # of what is free at first: training needs the rest
Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class Room:
    """Where the pixels of all images are kept, and how many bytes they are; without a place, why there is none."""

    where: Literal["memory", "disk"] | None
    n_bytes: int
    why_not: str = ""

    @property
    def in_words(self) -> str:
        """A sentence for whoever waits for the training."""
        amount = f"{self.n_bytes / 1e6:,.0f} MB"
        if self.where is None:
            return f"training images are decoded anew in every epoch: {self.why_not} ({amount} of pixels)"
        place = "in memory" if self.where == "memory" else "on disk"
        return f"training images are decoded once and kept {place}: {amount}"


def room_for(
    sizes: Iterable[Size],
    folder: Path,
    workers: int,
    free_memory: Callable[[], int | None] = free_host_bytes,
    free_disk: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Room:
    """Memory where a quarter of what is free holds all images, else the disk of `folder`, else none.

    `workers` are the data loader's, which share what they keep only where they are forks.
    """
    n_bytes = sum(map(_bytes_of, sizes))
    if workers and multiprocessing.get_start_method() != "fork":
        return Room(None, n_bytes, "the loader's workers share no memory here")
    if n_bytes <= SHARE * (free_memory() or 0):
        return Room("memory", n_bytes)
    if n_bytes <= SHARE * free_disk(folder):
        return Room("disk", n_bytes)
    return Room(None, n_bytes, "neither memory nor disk has room for them")


def training_sizes(data: DetectionSet, imgsz: int) -> list[Size]:
    """Height and width of every image with its long side at `imgsz`."""
    return [size_at(image.height, image.width, imgsz) for image in data.images]


def size_at(height: int, width: int, length: int) -> Size:
    """As Ultralytics does: the long side at `length`, the short one at the next pixel."""
    ratio = length / max(height, width)
    if ratio == 1:
        return height, width
    return min(math.ceil(height * ratio), length), min(math.ceil(width * ratio), length)


class Decoded(Protocol):
    """Pixels of the images of a set, by their number."""

    def find(self, number: int) -> NDArray[np.uint8] | None:
        """A copy of an image's pixels [height, width, 3]; None where nobody has kept them yet."""

    def keep(self, number: int, image: NDArray[np.uint8]) -> None:
        """Keep the pixels of an image."""


class DecodedImages:
    """Pixels of images [height, width, 3] by their number, shared with all processes that are forked from this one.

    One that was not forked, but got a pickled copy, keeps nothing and finds nothing.
    """

    def __init__(self, sizes: Sequence[Size], room: Room, folder: Path) -> None:
        self._sizes = list(sizes)
        self._starts = np.cumsum([0, *map(_bytes_of, sizes)], dtype=np.int64)
        self._lock = multiprocessing.Lock()
        self._memory: mmap.mmap | None = None
        if room.where is None or not room.n_bytes:
            return
        length = room.n_bytes + len(sizes)  # behind the pixels a byte for each image: whether it is there
        if room.where == "memory":
            self._memory = mmap.mmap(-1, length)
            return
        # The file has no name: it is gone with the last that maps it. Its room is taken at once, since a disk that is
        # full later would kill the process that writes through a mapping. Where that is not to be had, nothing is kept.
        with contextlib.suppress(OSError, AttributeError), tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, length)
            self._memory = mmap.mmap(file.fileno(), length)

    def __getstate__(self) -> dict[str, object]:
        return {"_sizes": self._sizes, "_starts": self._starts, "_lock": None, "_memory": None}

    def find(self, number: int) -> NDArray[np.uint8] | None:
        """A copy of an image's pixels; None where nobody has kept them yet."""
        if self._memory is None:
            return None
        with self._lock:  # whoever sees the mark behind it sees the pixels, too, on every processor
            is_there = self._memory[self._mark(number)]
        if not is_there:
            return None
        first, end = int(self._starts[number]), int(self._starts[number + 1])
        return np.frombuffer(self._memory, np.uint8, end - first, first).reshape(*self._sizes[number], 3).copy()

    def keep(self, number: int, image: NDArray[np.uint8]) -> None:
        """Keep the pixels of an image, which has the size that was said."""
        if self._memory is None or image.shape != (*self._sizes[number], 3):
            return
        first, end = int(self._starts[number]), int(self._starts[number + 1])
        self._memory[first:end] = image.tobytes()
        with self._lock:
            self._memory[self._mark(number)] = 1

    def _mark(self, number: int) -> int:
        return int(self._starts[-1]) + number


class Shelf:
    """Images that several trainings of one process read, each some of them: what one decoded the next finds."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str, int], tuple[DecodedImages, int]] = {}

    def images(self, data: DetectionSet, imgsz: int, folder: Path, workers: int) -> Decoded:
        """Those of a set. Room is asked for only for the ones that no set before had."""
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
    """A set's images, wherever on the shelf they are."""

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
    """Trainings in this block decode an image once for all of them; its memory is given back at the end."""
    token = _shelf.set(Shelf())
    try:
        yield
    finally:
        _shelf.reset(token)


def decoded_images(data: DetectionSet, imgsz: int, folder: Path, workers: int) -> Decoded:
    """What keeps the images of a set at training size, in memory or in `folder`, as far as there is room."""
    return (_shelf.get() or Shelf()).images(data, imgsz, folder, workers)


def _bytes_of(size: Size) -> int:
    height, width = size
    return height * width * 3
