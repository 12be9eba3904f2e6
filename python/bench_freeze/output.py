"""The output folder of a study: opened with clear errors, locked by one run, cleared of leftovers."""

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
# Names that earlier versions gave to files while they wrote them.
_OLD_PARTIAL = re.compile(r"\.(results\.json|matches\.zip|examples\.json|report\.html)\.[a-z0-9_]{8}")


@contextmanager
def output_folder(folder: Path, warn: Warn = warn_on_stderr) -> Iterator[ArtifactStore]:
    """Lock an output folder for one run, and remove unfinished files that a killed run left.

    `warn` receives messages about damaged artifacts. Raises InputError if another run holds the lock or the folder
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
    """Lock an existing folder. The operating system holds the lock, so a killed run never leaves it locked.

    Raises InputError if another run holds the lock, or it cannot be taken.
    """
    with _sentences(folder):
        lock = _take_lock(folder)
    with lock:
        yield


def unfinished(folder: Path) -> list[Path]:
    """Unfinished files that a killed run left in an output folder. Only the holder of its lock may remove them."""
    own = sorted(path for path in folder.iterdir() if is_partial(path) or _OLD_PARTIAL.fullmatch(path.name))
    return own + ArtifactStore(folder / ARTIFACTS).unfinished()


def _take_lock(folder: Path) -> TextIO:
    path = folder / LOCK
    # Following a link would empty another file; opening a pipe would wait.
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
    """Turn every system error while opening a folder into an InputError."""
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
