"""Image files: read one upright, and check a whole set before any work starts."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import PIL
from numpy.typing import NDArray

from ..errors import InputError
from .file_cache import remember, remembered
from .image_decode import Header, Order, decode, read_header
from .image_format import Fault, Kind, image_format
from .image_structure import jpeg_probe, png_is_whole
from .many_files import over_files

# The suffixes of images: Ultralytics' list (a test compares them).
SUFFIXES = frozenset(
    {".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"}
)
MAX_FILE_BYTES = 2 << 30

# Facts are remembered for the decoder that found them: another Pillow may read other files.
_KIND = f"image-3-{PIL.__version__}"
_REMEMBER_AT_ONCE = 5000  # files, so that a check which is broken off is not all in vain


@dataclass(frozen=True)
class ImageFacts:
    """The result of checking a file: upright size in pixels, hash of its bytes, number of frames or pages.

    `mark` is that of `decoder_mark`.
    """

    width: int
    height: int
    sha256: str
    frames: int = 1  # the first is the image
    mark: str = ""


@dataclass(frozen=True)
class Unreadable:
    """A file that is not a readable image: its kind, and the reason ("an HTML page", "an empty file")."""

    path: Path
    kind: Kind
    reason: str

    def error(self) -> InputError:
        """The error message."""
        if self.kind == "missing":
            return InputError(f"{self.path}: there is no such image; restore it or remove it from the data set.")
        if self.kind == "unreadable":
            return InputError(f"{self.path} cannot be read ({self.reason}); check its permissions.")
        return InputError(
            f"{self.path} cannot be read as an image ({self.reason}); replace it or remove it from the data set."
        )


_Item = TypeVar("_Item")


def spread(items: Sequence[_Item], count: int) -> list[_Item]:
    """At most `count` of the items, spread evenly over all of them."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def read_image(path: Path, order: Order = "RGB") -> NDArray[np.uint8]:
    """Read an image as [H, W, 3], upright, contiguous and writable, with channels in `order`.

    The only decoder: training, scoring, calibration and display see the same pixels (`image_decode.decode` has the
    rules). Raises InputError for a file that is missing or cannot be decoded.
    """
    try:
        return decode(_content(path), order)
    except Fault as fault:
        raise Unreadable(path, fault.kind, fault.reason).error() from None


def image_size(path: Path) -> tuple[int, int]:
    """Upright width and height of an image from its header; the rest is not checked. Raises InputError."""
    try:
        header = read_header(_content(path))
    except Fault as fault:
        raise Unreadable(path, fault.kind, fault.reason).error() from None
    return header.width, header.height


def inspect_image(path: Path) -> ImageFacts | Unreadable:
    """Check one file now, without the cache: its facts, or why it cannot be read."""
    return _inspect(path)[0]


def inspect_images(
    paths: Sequence[Path], on_progress: Callable[[int, int], None] | None = None
) -> list[ImageFacts | Unreadable]:
    """Check files, in order: for each its facts, or why it cannot be read. Never raises because of a file.

    A file with facts decodes: its structure proves it, or it was decoded. Facts are cached between runs while the file
    is unchanged. `on_progress(done, total)` is called from this thread.
    """
    return list(_inspected(paths, on_progress))


def check_images(paths: Sequence[Path], on_progress: Callable[[int, int], None] | None = None) -> list[ImageFacts]:
    """The facts of many files, in order. Raises InputError for the first that is missing or unreadable."""
    facts: list[ImageFacts] = []
    with closing(_inspected(paths, on_progress)) as inspected:  # nothing is read on after the first bad one
        for found in inspected:
            if isinstance(found, Unreadable):
                raise found.error()
            facts.append(found)
    return facts


def _inspected(
    paths: Sequence[Path], on_progress: Callable[[int, int], None] | None
) -> Generator[ImageFacts | Unreadable, None, None]:
    known = {path: facts for path, kept in remembered(_KIND, paths).items() if (facts := _unpacked(kept)) is not None}
    unknown = list(dict.fromkeys(path for path in paths if path not in known))
    fresh: dict[Path, bytes] = {}
    coming = over_files(_inspect, unknown, by_processes=True)
    try:
        results: dict[Path, ImageFacts | Unreadable] = dict(known)
        for done, path in enumerate(paths, start=1):
            if path not in results:
                results[path], keep = next(coming)
                if keep:
                    fresh[path] = _packed(results[path])
            if len(fresh) >= _REMEMBER_AT_ONCE:
                remember(_KIND, fresh)
                fresh = {}
            if on_progress is not None:
                on_progress(done, len(paths))
            yield results[path]
    finally:
        coming.close()
        remember(_KIND, fresh)


def _inspect(path: Path) -> tuple[ImageFacts | Unreadable, bool]:
    """Check one file, and whether to cache the result: not for failures that may be temporary."""
    try:
        content = _content(path)
        header = _proven(content)
    except Fault as fault:
        return Unreadable(path, fault.kind, fault.reason), False
    sha256 = hashlib.sha256(content).hexdigest()
    facts = ImageFacts(header.width, header.height, sha256, header.frames, header.mark)
    return facts, image_format(content) != "HEIF"  # by a package that may be gone


def _proven(content: bytes) -> Header:
    """The header of bytes that are proven to decode; raises Fault for others."""
    name = image_format(content)
    header = read_header(content)  # before anything is inflated: it may be too large
    if name in ("JPEG", "PNG") and _is_whole(name, content):
        return header
    height, width, _ = decode(content).shape
    return replace(header, width=width, height=height)


def _is_whole(name: str, content: bytes) -> bool:
    if name == "PNG":
        return png_is_whole(content)
    probe = jpeg_probe(content)
    return probe is not None and _decodes(probe)


@lru_cache(maxsize=4096)  # the images of a set were mostly written with few tables
def _decodes(probe: bytes) -> bool:
    try:
        decode(probe)
    except Fault:
        return False
    return True


def _content(path: Path) -> bytes:
    """The bytes of a regular file, also through a link. Other kinds are rejected: a named pipe would block forever."""
    try:
        status = os.stat(path)  # noqa: PTH116 - twice as fast as Path.stat
        if not stat.S_ISREG(status.st_mode):
            raise Fault("not_a_file", f"{_file_type(status.st_mode)}, not a file")
        if status.st_size > MAX_FILE_BYTES:
            raise Fault("too_large", f"{status.st_size:,} bytes, more than the limit of {MAX_FILE_BYTES:,}")
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            return file.read()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a name with a zero byte cannot be of any file
        raise Fault("missing", "no such file") from None
    except OSError as error:
        raise Fault("unreadable", error.strerror or type(error).__name__) from None
    except MemoryError:
        raise Fault("too_large", "too large for this machine's memory") from None


def _file_type(mode: int) -> str:
    named = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return named.get(stat.S_IFMT(mode), "a device")


def _packed(facts: ImageFacts | Unreadable) -> bytes:
    assert isinstance(facts, ImageFacts)
    return json.dumps([facts.width, facts.height, facts.frames, facts.sha256, facts.mark]).encode()


def _unpacked(kept: bytes) -> ImageFacts | None:
    with suppress(ValueError, TypeError):
        width, height, frames, *texts = json.loads(kept)
        sha256, mark = texts
        if all(isinstance(number, int) for number in (width, height, frames)) and all(map(_is_text, texts)):
            return ImageFacts(width, height, sha256, frames, mark)
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str)
