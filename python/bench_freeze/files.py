"""Atomic files and folders with the modes that the umask gives, and documents that carry their own digest.

An unfinished file is called `.NAME.XXXXXXXX.partial`, beside NAME. If the program is killed it remains, and the next
holder of the folder's lock removes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

SEAL = "sha256"  # the key of a document's own digest
PARTIAL = ".partial"
_ABANDONED_S = 3600.0  # no file takes an hour from its creation to its name
_LONGEST_PREFIX = 200  # bytes: names end at 255

Facts = dict[str, Any]  # a json object; its readers know the types of its values
Seal = Literal["whole", "unsealed", "damaged"]


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: a reader, or a crash, sees the old content or the new, never a part.

    The file's mode is 0666 minus the umask, as for any file that a program creates.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    partial = path.with_name(_partial_name(path.name))
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def partial_folder(parent: Path, name: str) -> Path:
    """A new temporary folder in `parent`, to be renamed to `name`. Its mode is 0777 minus the umask."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / _partial_name(name)
    folder.mkdir()
    return folder


def is_partial(path: Path) -> bool:
    """Whether a file or folder is an unfinished one."""
    return path.name.startswith(".") and path.name.endswith(PARTIAL)


def remove(path: Path) -> None:
    """Remove a file or a folder with its contents. A link is removed, not what it points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(file.lstat().st_size for file in path.rglob("*") if file.is_symlink() or not file.is_dir())


def sealed(document: Mapping[str, object]) -> dict[str, object]:
    """The json document with a digest of its own content, which survives reordering and reformatting."""
    return {**document, SEAL: _digest(document)}


def seal_of(document: Mapping[str, object], known: Collection[str]) -> Seal:
    """Whether a document is as it was sealed; an `unsealed` one comes from an early version.

    An unsealed document has only `known` keys. With any other key it is damaged: that may be a garbled seal.
    """
    if SEAL not in document:
        return "unsealed" if document.keys() <= set(known) else "damaged"
    return "whole" if document[SEAL] == _digest(document) else "damaged"


def _digest(document: Mapping[str, object]) -> str:
    content = {key: value for key, value in document.items() if key != SEAL}
    return hashlib.sha256(canonical(content)).hexdigest()


def canonical(value: object) -> bytes:
    """The canonical bytes of a json value, for hashing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _partial_name(name: str) -> str:
    return _partial_prefix(name) + secrets.token_hex(4) + PARTIAL


def _partial_prefix(name: str) -> str:
    return "." + os.fsdecode(os.fsencode(name)[:_LONGEST_PREFIX]) + "."


def _remove_abandoned(path: Path) -> None:
    """Remove what killed writes of the same file left. A write that another process is making is younger."""
    prefix, length = _partial_prefix(path.name), len(_partial_name(path.name))
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if len(entry.name) == length and entry.name.startswith(prefix) and entry.name.endswith(PARTIAL):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > _ABANDONED_S:
                    Path(entry.path).unlink(missing_ok=True)
