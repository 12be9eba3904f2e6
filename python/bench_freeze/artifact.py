"""Artifacts: the content-addressed store of every step's output, found again by the step's inputs.

An artifact is a folder `KIND-KEY12` with the step's files and a `manifest.json`. The key is the hash of everything the
step depends on, so a changed input gives a new folder, and only the steps that depend on it run again. A folder is
filled under a temporary name and renamed when complete: under its final name it is always whole.

A found artifact is verified before use: files by the hashes in the manifest, the manifest by its own digest. A damaged
one is renamed `damaged-KIND-KEY12` with a warning, and the step runs again.

Manifests of early versions have no digest: their hashes prove the files but nothing proves the facts. If an artifact
has only facts (latencies, statistics), the step runs again, which costs little. One with files (perhaps hours of
training) is kept and given a digest. One note reports both, once.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, TypeVar

import msgspec

from . import __version__
from .errors import InputError
from .files import Facts, canonical, file_sha256, is_partial, partial_folder, remove, seal_of, sealed, write_whole

MANIFEST = "manifest.json"
DAMAGED = "damaged-"  # prefix of the name of a damaged artifact
KEY_DIGITS = 12
KEYS = "0.1.0"  # part of every key; changes only when equal inputs give different artifacts, not with each version
_OLD_PARTIAL = re.compile(r"\.(progress-.+\.pt|timing-.+\.cache)\..+")  # unfinished files of earlier versions
_FIELDS = frozenset({"kind", "key", "bench_freeze", "inputs", "files", "facts"})

Warn = Callable[[str], None]
Kept = TypeVar("Kept")


class FileFacts(TypedDict):
    """A file of an artifact, as listed in its manifest."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Artifact:
    """One finished step: its folder, its inputs, the hashes of its files and the facts it recorded."""

    kind: str
    folder: Path
    key: str
    inputs: Mapping[str, object]
    files: Mapping[str, FileFacts]
    facts: Facts
    is_sealed: bool = True  # whether its facts are proven by a digest

    def path(self, name: str) -> Path:
        """The path of one of the artifact's files."""
        return self.folder / name

    def sha256(self, name: str) -> str:
        """Hash of one of the artifact's files."""
        return self.files[name]["sha256"]

    def value(self, kind: type[Kept]) -> Kept:
        """The facts as the typed value that the step returned."""
        return msgspec.convert(self.facts, kind)

    def read(self, name: str) -> bytes:
        """The verified content of a file. Raises InputError if it changed since the artifact was found."""
        content = self.path(name).read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256(name):
            raise InputError(f"{self.path(name)} changed while it was in use; run the same command again.")
        return content


class DamagedArtifact(Exception):
    """An artifact differs from what was written; the message says how."""


def warn_on_stderr(sentence: str) -> None:
    """Print a warning of a store that has no console, on a worker or in a user's program."""
    print(f"warning: {sentence}", file=sys.stderr, flush=True)


class ArtifactStore:
    """The artifacts of one output folder. `used` has the names of all that this store found or made."""

    def __init__(self, folder: Path, warn: Warn = warn_on_stderr) -> None:
        self.folder = folder
        self.warn = warn
        self.used: set[str] = set()
        self._made: set[str] = set()  # keys, by this store
        self._said_unsealed = False

    def find(self, kind: str, inputs: Mapping[str, object]) -> Artifact | None:
        """The verified artifact of these inputs, or None if it has yet to be made."""
        key = artifact_key(kind, inputs)
        folder = self.folder / f"{kind}-{key[:KEY_DIGITS]}"
        try:
            kept = open_artifact(folder)
        except FileNotFoundError:
            return None
        except DamagedArtifact as damage:
            self._put_aside(folder, str(damage))
            return None
        if kept.key != key or not (kept.is_sealed or self._accept_unsealed(kept)):
            return None
        self.used.add(folder.name)
        return kept

    @contextmanager
    def scratch(self, kind: str) -> Iterator[Path]:
        """A temporary folder. If the run is killed, it is removed later with the unfinished artifacts."""
        folder = partial_folder(self.folder, kind)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def produce(
        self, kind: str, inputs: Mapping[str, object], build: Callable[[Path], object], *, again: bool = False
    ) -> tuple[Artifact, bool]:
        """Get or make the artifact of these inputs; also returns whether it was made. `again` replaces one of an
        earlier run.

        `build(folder)` writes the step's files into an empty folder and returns the facts to keep: a mapping of plain
        json values, or a struct or dataclass, which `Artifact.value` returns. Inputs are plain json values; they and
        KEYS determine the key.
        """
        inputs = json.loads(json.dumps(dict(inputs)))
        key = artifact_key(kind, inputs)
        final = self.folder / f"{kind}-{key[:KEY_DIGITS]}"
        if (kept := self.find(kind, inputs)) is not None and (not again or key in self._made):
            return kept, False
        partial = partial_folder(self.folder, final.name)
        try:
            facts = _plain(build(partial))
            files = {
                str(file.relative_to(partial)): {"sha256": file_sha256(file), "bytes": file.stat().st_size}
                for file in sorted(partial.rglob("*"))
                if file.is_file()
            }
            manifest = {
                "kind": kind,
                "key": key,
                "bench_freeze": __version__,
                "keys": KEYS,
                "inputs": inputs,
                "files": files,
                "facts": json.loads(json.dumps(facts)),
            }
            _write_manifest(partial, manifest)
            if final.exists():  # without a seal, or made again
                shutil.rmtree(final)
            partial.rename(final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self._made.add(key)
        made = read_artifact(final)
        if made is None:
            raise InputError(f"{final} changed while it was written; is another program writing there? Run again.")
        self.used.add(final.name)
        return made, True

    def unfinished(self) -> list[Path]:
        """Unfinished folders that a killed run left."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted(path for path in found if is_partial(path) or _OLD_PARTIAL.fullmatch(path.name))

    def remove_unfinished(self) -> None:
        """Delete unfinished folders that a killed run left. Only the holder of the folder's lock may call this."""
        for path in self.unfinished():
            remove(path)

    def _put_aside(self, folder: Path, damage: str) -> None:
        aside = put_aside(folder)
        self.warn(f"{folder} is damaged ({damage}): it is kept as {aside.name}, and its content is made again.")

    def _accept_unsealed(self, artifact: Artifact) -> bool:
        if not self._said_unsealed:
            self._said_unsealed = True
            self.warn(
                f"{self.folder} holds results of an earlier bench-freeze, whose records have no digest: trainings "
                "and other files match their hashes and are kept, measurements are repeated."
            )
        if not artifact.files:
            return False
        manifest = json.loads((artifact.folder / MANIFEST).read_bytes())
        _write_manifest(artifact.folder, manifest)
        return True


def put_aside(path: Path) -> Path:
    """Rename a damaged file or folder out of the way, replacing an earlier one of that name."""
    aside = path.with_name(DAMAGED + path.name)
    remove(aside)
    path.rename(aside)
    return aside


def artifact_key(kind: str, inputs: Mapping[str, object]) -> str:
    """The hash that names an artifact, over its kind, its inputs and KEYS."""
    return _key(kind, json.loads(json.dumps(dict(inputs))), KEYS)


def read_artifact(folder: Path) -> Artifact | None:
    """The artifact in a folder, or None if it is missing, incomplete or changed."""
    try:
        return open_artifact(folder)
    except (FileNotFoundError, DamagedArtifact):
        return None


def open_artifact(folder: Path) -> Artifact:
    """Read and verify the artifact in a folder: every file by its hash, the manifest by its digest and its key.

    Raises FileNotFoundError if the folder does not exist, DamagedArtifact if anything is missing or changed.
    """
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        seal = seal_of(manifest, _FIELDS)
        keys = manifest.get("keys", manifest["bench_freeze"])  # early manifests: the version was part of the key
        if seal == "damaged" or manifest["key"] != _key(manifest["kind"], manifest["inputs"], keys):
            raise DamagedArtifact(f"{MANIFEST} is not what was written")
        for name, known in manifest["files"].items():
            file = folder / name
            if not file.is_file():
                raise DamagedArtifact(f"{name} is missing")
            if file.stat().st_size != known["bytes"] or file_sha256(file) != known["sha256"]:
                raise DamagedArtifact(f"{name} is not what was written")
        return Artifact(
            manifest["kind"],
            folder,
            manifest["key"],
            manifest["inputs"],
            manifest["files"],
            manifest["facts"],
            seal == "whole",
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not a manifest"
        raise DamagedArtifact(f"{MANIFEST} or a file that it names cannot be read: {reason}") from None


def _plain(facts: object) -> dict[str, object]:
    return dict(facts) if isinstance(facts, Mapping) else msgspec.to_builtins(facts)


def _write_manifest(folder: Path, manifest: Mapping[str, object]) -> None:
    write_whole(folder / MANIFEST, json.dumps(sealed(manifest), indent=1, sort_keys=True).encode())


def _key(kind: str, inputs: object, keys: str) -> str:
    # The entry was once the version; it keeps that name so that the keys of existing artifacts stay the same.
    return hashlib.sha256(canonical({"kind": kind, "inputs": inputs, "bench_freeze": keys})).hexdigest()
