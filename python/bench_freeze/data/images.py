"""Image files: reading one upright, and checking a whole set before any work starts."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..errors import InputError

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

# What Pillow raises for damaged content. ImportError is Ultralytics' doing: once imported, it makes Image.open try HEIF
# by a package that need not be there.
_UNDECODABLE = (OSError, SyntaxError, ValueError, ImportError, Image.DecompressionBombError)


@dataclass(frozen=True)
class ImageFacts:
    """What a check of one file found: its upright size in pixels and the hash of its bytes."""

    width: int
    height: int
    sha256: str


_Item = TypeVar("_Item")


def spread(items: Sequence[_Item], count: int) -> list[_Item]:
    """At most `count` of the items, spread evenly over all of them."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def default_workers() -> int:
    """Threads that read images when nothing else was asked for."""
    return min(8, os.cpu_count() or 1)


def read_image(path: Path) -> NDArray[np.uint8]:
    """An image as [H, W, 3] RGB, upright (EXIF orientation applied, as training does).

    Raises InputError that names a file which is missing or cannot be decoded.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such image; restore it or remove it from the data set.") from None
    except _UNDECODABLE as error:
        raise InputError(
            f"{path} cannot be read as an image ({error}); replace it or remove it from the data set."
        ) from None


def check_image(path: Path) -> ImageFacts:
    """Read a file once, whole: its hash, its upright size, and proof that all of it decodes.

    A truncated file opens and even trains without complaint, so decoding to the end is the only check that counts.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such image; restore it or remove it from the data set.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from None
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):  # orientations that swap the sides
                width, height = height, width
            image.draft("RGB", (1, 1))  # a JPEG's whole stream is read all the same, at an eighth of the size
            image.load()
    except _UNDECODABLE as error:
        raise InputError(
            f"{path} cannot be read as an image ({error}); replace it or remove it from the data set."
        ) from None
    return ImageFacts(width, height, hashlib.sha256(content).hexdigest())


def check_images(paths: Sequence[Path], on_progress: Callable[[int, int], None] | None = None) -> list[ImageFacts]:
    """The facts of many files, in their order; raises InputError for the first one that is missing or unreadable."""
    facts: list[ImageFacts] = []
    with ThreadPoolExecutor(default_workers()) as pool:
        try:
            for done, fact in enumerate(pool.map(check_image, paths), start=1):
                facts.append(fact)
                if on_progress is not None:
                    on_progress(done, len(paths))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return facts
