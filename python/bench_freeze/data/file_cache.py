"""A cache of facts about files, valid between runs while the file is unchanged.

A fact is keyed by the absolute path of its file and by size, inode, modification time and change time as they were
before the file was read. If the store fails (no space, locked, damaged), only time is lost.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

FORMAT = 1  # of the store; it is part of the file's name
MAX_ROWS = 2_000_000
# A file that changed this shortly before it was looked at may change again within the same tick of its clock.
RACY_NS = 2_000_000_000
LOCK_TIMEOUT_S = 2.0
_AT_ONCE = 500  # paths in one query: old SQLites take at most 999 values

_TABLE = """CREATE TABLE IF NOT EXISTS facts (
    kind TEXT NOT NULL, path BLOB NOT NULL, stamp TEXT NOT NULL, value BLOB NOT NULL, checksum INTEGER NOT NULL,
    UNIQUE (kind, path)
)"""

_stamps: dict[tuple[str, Path], str] = {}  # of the files that were asked about, until their facts are stored
_stamps_lock = threading.Lock()


def store_path() -> Path:
    """The store's file: in $BENCH_FREEZE_CACHE, else $XDG_CACHE_HOME/bench-freeze, else ~/.cache/bench-freeze."""
    named = os.environ.get("BENCH_FREEZE_CACHE")
    if named:
        folder = Path(named)
    else:
        base = os.environ.get("XDG_CACHE_HOME")
        folder = (Path(base) if base else Path(os.path.expanduser("~")) / ".cache") / "bench-freeze"  # noqa: PTH111
    return folder / f"files-v{FORMAT}.sqlite"


def remembered(kind: str, paths: Sequence[Path]) -> dict[Path, bytes]:
    """The cached facts of those files that have not changed.

    Call this before reading the others: `remember` only stores facts of files that were asked about here, under the
    stamp they had here. So a file that changes while it is read gets no stale fact.
    """
    now = time.time_ns()
    found: dict[Path, bytes] = {}
    stamps = {path: stamp for path in paths if (stamp := _stamp(path, now)) is not None}
    with contextlib.suppress(sqlite3.Error, OSError), _store() as store:
        for part in _parts(list(stamps)):
            found.update(_look_up(store, kind, {_key(path): path for path in part}, stamps))
    with _stamps_lock:
        for path, stamp in stamps.items():
            if path not in found:
                _stamps[kind, path] = stamp
    return found


def remember(kind: str, facts: Mapping[Path, bytes]) -> None:
    """Store facts of files that `remembered` was asked about and did not know; other files are ignored."""
    with _stamps_lock:
        stamps = {path: stamp for path in facts if (stamp := _stamps.pop((kind, path), None)) is not None}
    rows = []
    for path, stamp in stamps.items():
        if stamp:
            key, value = _key(path), bytes(facts[path])
            rows.append((kind, key, stamp, value, _checksum(kind, key, stamp, value)))
    if not rows:
        return
    with contextlib.suppress(sqlite3.Error, OSError), _store() as store:
        store.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?)", rows)
        (count,) = store.execute("SELECT count(*) FROM facts").fetchone()
        if count > MAX_ROWS:
            oldest = "SELECT rowid FROM facts ORDER BY rowid LIMIT ?"
            store.execute(f"DELETE FROM facts WHERE rowid IN ({oldest})", (count - MAX_ROWS,))


@contextlib.contextmanager
def _store() -> Iterator[sqlite3.Connection]:
    """The open store, in one transaction. A damaged file is deleted, so that the next run starts a new one."""
    path = store_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    store = sqlite3.connect(path, timeout=LOCK_TIMEOUT_S)
    try:
        with store:
            store.execute("PRAGMA synchronous = OFF")
            store.execute(_TABLE)
            yield store
    except sqlite3.OperationalError:  # locked, full, read-only
        raise
    except sqlite3.DatabaseError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        store.close()


def _look_up(
    store: sqlite3.Connection, kind: str, keys: dict[bytes, Path], stamps: dict[Path, str]
) -> Iterator[tuple[Path, bytes]]:
    marks = ",".join("?" * len(keys))
    query = f"SELECT path, stamp, value, checksum FROM facts WHERE kind = ? AND path IN ({marks})"
    for key, stamp, value, checksum in store.execute(query, (kind, *keys)):
        path = keys.get(key)  # a damaged store may return anything
        if path is None or not stamp or stamp != stamps[path] or not isinstance(value, bytes):
            continue
        if checksum == _checksum(kind, key, stamp, value):
            yield path, value


def _parts(paths: list[Path]) -> Iterator[list[Path]]:
    for start in range(0, len(paths), _AT_ONCE):
        yield paths[start : start + _AT_ONCE]


def _key(path: Path) -> bytes:
    return os.fsencode(os.path.abspath(path))  # noqa: PTH100 - a link keeps its own name


def _stamp(path: Path, now_ns: int) -> str | None:
    """The stamp of a file, without reading it; empty if it changed just now, None if it cannot be examined."""
    try:
        status = os.stat(path)  # noqa: PTH116 - twice as fast as Path.stat, and there are many files
    except (OSError, ValueError):
        return None
    if max(status.st_mtime_ns, status.st_ctime_ns) > now_ns - RACY_NS:
        return ""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _checksum(kind: str, key: bytes, stamp: str, value: bytes) -> int:
    return zlib.crc32(b"\0".join((kind.encode(), key, stamp.encode(), value)))
