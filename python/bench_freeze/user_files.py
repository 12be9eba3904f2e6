"""Read and write files that users name: every such file passes through this module.

Input must be a regular file of bounded size. A pipe, a device, a folder or an invalid name raises an error at once
instead of blocking. The depth of nested text is bounded too, since deep nesting overflows the stack of later code.
"""

from __future__ import annotations

import errno
import importlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from .errors import InputError, disk_full

MIB = 1 << 20
MAX_TEXT = 16 * MIB  # for study files, rules and lists: a thousand times the largest known one
MAX_DOCUMENT = 1024 * MIB  # for results, profiles, baselines and COCO's smaller files
MAX_DATA = 64 * 1024 * MIB  # for models, COCO files and match files: what a machine may hold in memory
MAX_DEPTH = 64  # levels of lists and tables inside each other


class MissingFile(InputError):
    """The file does not exist, as opposed to one that cannot be used."""


def read_file(path: Path, what: str, advice: str, limit: int = MAX_DOCUMENT) -> bytes:
    """Read a file that a user named, as bytes.

    `what` names the kind of file and `advice` says what to do; both become parts of the message. Raises MissingFile, or
    InputError if it is not a regular file, cannot be read, or has more than `limit` bytes.
    """
    with open_file(path, what, advice, limit) as stream, _sentences(path, what, advice):
        content = stream.read(os.fstat(stream.fileno()).st_size + 1)
        while len(content) <= limit and (more := stream.read(MIB)):  # a growing file, or one in /proc of size 0
            content += more
    if len(content) > limit:
        raise _too_large(path, what, limit, advice)
    return content


def read_text(path: Path, what: str, advice: str, limit: int = MAX_TEXT) -> str:
    """Read a file that a user named, as UTF-8 text."""
    try:
        return read_file(path, what, advice, limit).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a {what}: byte {error.start} is not UTF-8 text; {advice}.") from None


@contextmanager
def open_file(path: Path, what: str, advice: str, limit: int = MAX_DATA) -> Iterator[BinaryIO]:
    """Open a file that a user named, for reading. Raises as `read_file` does, before the block begins."""
    with _sentences(path, what, advice):
        _check_regular(path, os.stat(path), what, limit, advice)  # noqa: PTH116 - a device is not even opened
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        stream = os.fdopen(number, "rb")
        _check_regular(path, os.fstat(number), what, limit, advice)  # it may have been replaced in between
    with stream:
        yield stream


def parse_toml(text: str, where: Path, advice: str) -> dict[str, Any]:
    """Parse a TOML text. Raises InputError if it is not TOML or is nested more than MAX_DEPTH deep."""
    tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{where} is nested more than {MAX_DEPTH} levels deep; {advice}.") from None
    except ValueError as error:  # Python itself raises it for a number with thousands of digits
        raise InputError(f"{where} is not a TOML file ({' '.join(str(error).split())[:300]}); {advice}.") from None
    check_depth(values, where, advice)
    return values


def check_depth(values: Any, where: Path | str, advice: str) -> None:
    """Raise InputError if plain values are nested more than MAX_DEPTH deep."""
    level = [values]
    for _ in range(MAX_DEPTH + 1):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list | tuple):
                inner += value
        # A YAML alias is one object in many places: each object is visited once per level.
        level = list({id(value): value for value in inner if isinstance(value, dict | list | tuple)}.values())
        if not level:
            return
    raise InputError(f"{where} is nested more than {MAX_DEPTH} levels deep; {advice}.")


def write_file(path: Path, content: bytes, flag: str) -> None:
    """Write a file atomically. Pipes and devices (/dev/stdout) are written to, never replaced.

    Raises InputError if it cannot be written, and OSError if the disk is full.
    """
    from .files import write_whole

    with writing(path, flag):
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            write_whole(path, content)


def write_text(path: Path, text: str, flag: str) -> None:
    """Write a text as UTF-8; undecodable bytes of file names are written as \\udcff."""
    write_file(path, text.encode(errors="backslashreplace"), flag)


@contextmanager
def writing(path: Path, flag: str) -> Iterator[None]:
    """Turn errors of writing below a path that a user named into InputError; a full disk stays OSError."""
    try:
        yield
    except (OSError, ValueError) as error:
        if disk_full(error) is not None or not _is_of(error, path):
            raise
        raise InputError(f"{_shown(path)} cannot be written ({_reason(error)}); give another {flag}.") from None


def check_target(path: Path, flag: str) -> None:
    """Raise InputError if a file could not be written later; nothing is written now."""
    with writing(path, flag):
        if path.is_dir():
            raise InputError(f"{flag} {path} cannot be written: it is a folder; give the path of a file.")
        with suppress(FileNotFoundError):
            path.stat()  # raises for an invalid name or a circle of links
        place = path if path.exists() else path.absolute().parent
        while not place.exists() and place != place.parent:
            place = place.parent
        needed = os.W_OK | (os.X_OK if place.is_dir() else 0)
        folder = place if place.is_dir() or not place.is_file() else place.parent
        if place != path and not place.is_dir():
            raise InputError(f"{flag} {path} cannot be written: {place} is not a folder; give another path.")
        if not os.access(place, needed) or not os.access(folder, os.W_OK):
            raise InputError(f"{flag} {path} cannot be written: {folder} does not let you; give another path.")


def is_folder(path: Path) -> bool:
    """As Path.is_dir, but False for an invalid name."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


@contextmanager
def _sentences(path: Path, what: str, advice: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise MissingFile(f"{_shown(path)} cannot be read: there is no such {what}; {advice}.") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        raise InputError(f"{_shown(path)} cannot be read ({_reason(error)}); {advice}.") from None


def _is_of(error: OSError | ValueError, path: Path) -> bool:
    """Whether an error concerns this path, its folder or a folder above."""
    if isinstance(error, ValueError):
        return "null byte" in str(error)
    if not isinstance(error.filename, str | bytes):
        return True  # of an open file
    place, folder = os.path.abspath(os.fsdecode(error.filename)), os.path.abspath(path.parent)  # noqa: PTH100
    return place.startswith(folder) or folder.startswith(place)


def _check_regular(path: Path, status: os.stat_result, what: str, limit: int, advice: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} cannot be read: it is {_kind(status.st_mode)}, not a file; {advice}.")
    if status.st_size > limit:
        raise _too_large(path, what, limit, advice)


def _too_large(path: Path, what: str, limit: int, advice: str) -> InputError:
    return InputError(f"{path} has more than {limit // MIB} MiB, the limit of a {what}; {advice}.")


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((words for test, words in kinds if test(mode)), "a device")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        if error.errno == errno.ELOOP:
            return "its links lead in a circle"
        return str(error.strerror or error)
    return "no file name has null bytes" if "null byte" in str(error) else str(error)


def _shown(path: Path) -> str:
    """A path for messages: without null bytes, and with the middle of a very long one cut out."""
    text = str(path).replace("\0", "\\0")
    return text if len(text) <= 300 else f"{text[:150]}...{text[-100:]}"
