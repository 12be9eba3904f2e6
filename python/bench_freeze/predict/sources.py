"""Resolve SOURCE of the command line to images or a video, before a model is loaded."""

from __future__ import annotations

import glob
import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ..data.image_format import Fault, image_format
from ..data.images import SUFFIXES, read_image
from ..data.many_files import default_workers
from ..errors import InputError
from ..user_files import is_folder, open_file
from .frames import Frame, ImageFile, Source

_GIVE = "give an image, a folder, a glob such as 'photos/*.jpg', a video file, or a camera's number such as 0"
_HEADER = 1 << 12  # bytes that suffice to recognize an image
_DIGITS = 20  # the longest text that may be a camera's number


def open_source(text: str) -> Source:
    """The source that a text names. Raises InputError if it does not exist or has no image."""
    from .video import open_camera, open_video

    path = Path(text)
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS and not _exists(path):
        return open_camera(int(text))
    if is_folder(path):
        return Images(_in_folder(path), str(path))
    if not _exists(path):
        if glob.has_magic(text):
            return Images(_matches(text), text)
        raise InputError(f"{text[:300]}: there is no such file or folder; {_GIVE}.")
    if _is_image(path):
        return Images([path], str(path))
    return open_video(path)


class Images:
    """Image files, read ahead by threads. A file that cannot be read becomes a frame with a `problem`."""

    is_video = False
    rate = 0.0
    note = ""

    def __init__(self, paths: Sequence[Path], title: str) -> None:
        self.title = title
        self.total: int | None = len(paths)
        self._files = named(paths)

    def frames(self) -> Iterator[Frame]:
        """All files in order, a few read ahead."""
        workers = default_workers()
        with ThreadPoolExecutor(workers) as pool:
            ahead: deque[Future[Frame]] = deque()
            try:
                for number, file in enumerate(self._files, start=1):
                    ahead.append(pool.submit(_read, number, file))
                    if len(ahead) > 2 * workers:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()

    def close(self) -> None:
        """Nothing to close."""


def named(paths: Sequence[Path]) -> list[ImageFile]:
    """Files with the names of their results: paths relative to their common folder, unique on every file system."""
    if not paths:
        return []
    whole = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 - a name with ".." would leave the folder
    top = Path(os.path.commonpath([path.parent for path in whole]))
    inside = [path.relative_to(top) for path in whole]
    stems = Counter(_folded(own.with_suffix("")) for own in inside)
    files, taken = [], set()
    for path, own in zip(paths, inside, strict=True):
        name = own.with_suffix("")
        if stems[_folded(name)] > 1:
            name = own.with_name(f"{own.stem}_{own.suffix.removeprefix('.')}")
        first, number = name, 1
        while _folded(name) in taken:
            number += 1
            name = first.with_name(f"{first.name}_{number}")
        taken.add(_folded(name))
        files.append(ImageFile(path, str(name)))
    return files


def _folded(name: Path) -> str:
    return str(name).casefold()


def _read(number: int, file: ImageFile) -> Frame:
    try:
        return Frame(number, file.name, str(file.path), read_image(file.path))
    except InputError as error:
        return Frame(number, file.name, str(file.path), None, str(error))


def _in_folder(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}); check its permissions.") from None
    if not found:
        raise InputError(
            f"{folder} contains no image; give the folder that has them, or a glob for those below: "
            f"'{folder}/**/*.jpg'."
        )
    return found


def _matches(pattern: str) -> list[Path]:
    every = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207 - may be absolute
    found = [path for path in every if path.suffix.lower() in SUFFIXES]
    if not every:
        raise InputError(f"{pattern[:300]} matches no file; check the pattern and the folder it is used in.")
    if not found:
        raise InputError(f"{pattern[:300]} matches {len(every)} entries, and none is an image; {_GIVE}.")
    return found


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _is_image(path: Path) -> bool:
    """Decide by the file's content; if that is neither image nor video, decide by its name."""
    with open_file(path, "image or video", _GIVE) as stream:
        content = stream.read(_HEADER)
    try:
        image_format(content)
    except Fault:
        return path.suffix.lower() in SUFFIXES
    return True
