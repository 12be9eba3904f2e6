"""Artifacts: the output of every step, kept under its content, found again by its inputs.

An artifact is a folder `KIND-KEY12` with the step's files and a `manifest.json`. The key is the hash of everything the
step depends on, so a changed input leads to another folder and just what depends on it is made anew. The folder is
filled under another name and renamed when it is complete: one that has its final name is whole, whatever happened.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import __version__
from .errors import InputError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Artifact:
    """One finished step: its folder, the inputs it was made from, the hashes of its files and the facts it recorded."""

    kind: str
    folder: Path
    key: str
    inputs: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]  # name -> {"sha256", "bytes"}
    facts: Mapping[str, Any]

    def path(self, name: str) -> Path:
        """The path of one of the artifact's files."""
        return self.folder / name

    def sha256(self, name: str) -> str:
        """Hash of one of the artifact's files."""
        return str(self.files[name]["sha256"])


class ArtifactStore:
    """The artifacts of one output folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: set[str] = set()  # keys, by this store

    def find(self, kind: str, inputs: Mapping[str, Any]) -> Artifact | None:
        """The artifact of these inputs, or None when it has to be made."""
        key = artifact_key(kind, inputs)
        kept = read_artifact(self.folder / f"{kind}-{key[:12]}")
        return kept if kept is not None and kept.key == key else None

    @contextmanager
    def scratch(self, kind: str) -> Iterator[Path]:
        """An empty folder that is gone afterwards; one that a killed run left goes with its unfinished artifacts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{kind}.", suffix=".partial", dir=self.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def produce(
        self, kind: str, inputs: Mapping[str, Any], build: Callable[[Path], Mapping[str, Any]], *, again: bool = False
    ) -> tuple[Artifact, bool]:
        """The artifact of these inputs, and whether it had to be made; `again` replaces one of an earlier run.

        `build(folder)` writes the step's files into an empty folder and returns facts worth keeping, as plain json
        values. Inputs are plain json values too; they and this package's version decide the key.
        """
        inputs = json.loads(json.dumps(dict(inputs)))
        key = artifact_key(kind, inputs)
        final = self.folder / f"{kind}-{key[:12]}"
        if (kept := self.find(kind, inputs)) is not None and (not again or key in self._made):
            return kept, False
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{kind}-{key[:12]}.", suffix=".partial", dir=self.folder))
        try:
            facts = dict(build(partial))
            files = {
                str(file.relative_to(partial)): {"sha256": file_sha256(file), "bytes": file.stat().st_size}
                for file in sorted(partial.rglob("*"))
                if file.is_file()
            }
            manifest = {
                "kind": kind,
                "key": key,
                "bench_freeze": __version__,
                "inputs": inputs,
                "files": files,
                "facts": facts,
            }
            write_whole(partial / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
            if final.exists():  # unreadable or damaged, or made again
                shutil.rmtree(final)
            partial.chmod(0o755)  # mkdtemp's folders are their owner's alone
            partial.rename(final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self._made.add(key)
        made = read_artifact(final)
        if made is None:
            raise InputError(f"{final} changed while it was written; is another program writing there? Run again.")
        return made, True

    def remove_unfinished(self) -> None:
        """Delete what a killed run left half-written. Only the holder of the folder's lock may call this."""
        for partial in self.folder.glob(".*.partial"):
            shutil.rmtree(partial, ignore_errors=True)
        for part in self.folder.glob(".progress-*"):  # of a file that was being written
            part.unlink(missing_ok=True)


def artifact_key(kind: str, inputs: Mapping[str, Any]) -> str:
    """The hash that names an artifact: of its kind, its inputs and this package's version."""
    inputs = json.loads(json.dumps(dict(inputs)))
    return hashlib.sha256(_canonical({"kind": kind, "inputs": inputs, "bench_freeze": __version__})).hexdigest()


def read_artifact(folder: Path) -> Artifact | None:
    """The artifact in a folder, or None when there is none or a file of it is missing or changed."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        for name, known in manifest["files"].items():
            file = folder / name
            if file.stat().st_size != known["bytes"] or file_sha256(file) != known["sha256"]:
                return None
        return Artifact(
            manifest["kind"], folder, manifest["key"], manifest["inputs"], manifest["files"], manifest["facts"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def output_folder(folder: Path) -> Iterator[ArtifactStore]:
    """Hold an output folder for one run.

    The lock is the operating system's, so a killed run never leaves the folder locked. Raises InputError when another
    run holds it or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a+")
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{folder} is a file, not a folder; give another --out.") from None
    except PermissionError:
        raise InputError(f"{folder} cannot be written; give another --out or change its permissions.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise InputError(
                f"{folder} is in use by another run (process {holder}); wait for it, or give another --out."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        store = ArtifactStore(folder / "artifacts")
        store.remove_unfinished()
        yield store


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
