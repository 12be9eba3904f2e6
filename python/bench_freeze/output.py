"""The output folder of a study: opened with a sentence where it cannot be, held by one run, cleared of leftovers."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from .artifact import ArtifactStore, Warn, warn_on_stderr
from .errors import InputError, disk_full
from .files import is_partial, remove

ARTIFACTS = "artifacts"
LOCK = ".lock"
# Names that earlier versions gave to the files that they were writing.
_OLD_PARTIAL = re.compile(r"\.(results\.json|matches\.zip|examples\.json|report\.html)\.[a-z0-9_]{8}")


@contextmanager
def output_folder(folder: Path, warn: Warn = warn_on_stderr) -> Iterator[ArtifactStore]:
    """Hold an output folder for one run, and clear it of what a killed one left half-written.

    `warn` takes sentences on artifacts that are damaged. Raises InputError when another run holds the folder or it
    cannot be written.
    """
    with _sentences(folder):
        folder.mkdir(parents=True, exist_ok=True)
    store = ArtifactStore(folder / ARTIFACTS, warn)
    with held(folder):
        with _sentences(folder):
            for left in unfinished(folder):
                remove(left)
        yield store


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder that exists. The lock is the operating system's, so a killed run never leaves it locked.

    Raises InputError when another run holds it, or the lock cannot be taken.
    """
    with _sentences(folder):
        lock = _take_lock(folder)
    with lock:
        yield


def unfinished(folder: Path) -> list[Path]:
    """What a killed run left half-written in an output folder. Only the holder of its lock may remove it."""
    own = sorted(path for path in folder.iterdir() if is_partial(path) or _OLD_PARTIAL.fullmatch(path.name))
    return own + ArtifactStore(folder / ARTIFACTS).unfinished()


def _take_lock(folder: Path) -> TextIO:
    path = folder / LOCK
    # A link would have another file emptied; a pipe would be waited for.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    with ExitStack() as opened:
        lock = opened.enter_context(os.fdopen(handle, "r+"))
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise InputError(f"{path} is not the lock that a run makes, but a link or a device; remove it.")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read(20).strip()
            holder = holder if holder.isdigit() else "unknown"
            raise InputError(
                f"{folder} is in use by another run (process {holder}); wait for it, or give another --out."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        opened.pop_all()
    return lock


@contextmanager
def _sentences(folder: Path) -> Iterator[None]:
    """Every error of the system while a folder is opened, as a sentence."""
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{folder} is a file, not a folder; give another --out.") from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ELOOP and error.filename == str(folder / LOCK):
            raise InputError(
                f"{error.filename} is a symbolic link, and a run would overwrite what it names; remove it."
            ) from None
        if disk_full(error) is not None:
            raise InputError(f"{folder}: the disk is full; free some space and run the same command again.") from None
        if isinstance(error, PermissionError):
            raise InputError(f"{folder} cannot be written; give another --out or change its permissions.") from None
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{folder} cannot be used ({reason}); give another --out.") from None
