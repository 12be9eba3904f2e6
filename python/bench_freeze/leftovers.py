"""Files in an output folder that its results do not need."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .artifact import DAMAGED
from .errors import InputError
from .files import remove, size_of
from .output import ARTIFACTS, unfinished

_ARTIFACT = re.compile(r"[a-z0-9_]+-[0-9a-f]{12}")
_PROGRESS = re.compile(r"progress-[0-9a-f]{12}\.pt")


@dataclass(frozen=True)
class Leftover:
    """A file or folder that can be deleted: its size on disk in bytes, and why nothing needs it."""

    path: Path
    size: int
    why: str


def leftovers(folder: Path) -> tuple[list[Leftover], str | None]:
    """What can be deleted, and why artifacts were not considered (None if they were).

    The caller holds the folder's lock.
    """
    found = [Leftover(path, size_of(path), "left by a run that was killed") for path in unfinished(folder)]
    inside = sorted((folder / ARTIFACTS).iterdir()) if (folder / ARTIFACTS).is_dir() else []
    damaged = [path for path in inside if path.name.startswith(DAMAGED)]
    found += [Leftover(path, size_of(path), "was damaged, and made again") for path in damaged]
    needed, why_not = _needed(folder)
    if needed is not None:
        other = [path for path in inside if _ARTIFACT.fullmatch(path.name) and path.name not in needed]
        found += [Leftover(path, size_of(path), "made with other options than the results") for path in other]
        progress = [path for path in inside if _PROGRESS.fullmatch(path.name)]
        found += [Leftover(path, size_of(path), "of a training that the results do not need") for path in progress]
    return found, why_not


def _needed(folder: Path) -> tuple[frozenset[str] | None, str | None]:
    """The names of the artifacts behind the results in a folder; None and the reason if no artifact may be deleted."""
    from .report.documents import RESULTS, read_document
    from .results.schema import Results

    file = folder / RESULTS
    again = "artifacts stay; the same run command continues from them"
    if not file.exists():
        return None, f"There is no {RESULTS}, so {again}."
    try:
        results = read_document(file)
    except InputError as error:
        return None, f"{error} Until then {again}."
    if not isinstance(results, Results) or not results.finished:
        return None, f"{RESULTS} comes from a run that did not finish, so {again}."
    if results.artifacts is None:
        return None, (
            f"{RESULTS} comes from an earlier version and does not name its artifacts, so they stay; the same run "
            "command writes it again."
        )
    return frozenset(results.artifacts), None


def remove_leftover(path: Path) -> None:
    """Delete it. Raises InputError if it cannot be deleted."""
    try:
        remove(path)
    except OSError as error:
        raise InputError(
            f"{error.filename or path} cannot be removed ({error.strerror}); change its permissions and repeat the "
            "command."
        ) from None
