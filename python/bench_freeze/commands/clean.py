"""`bench-freeze clean`: what lies in an output folder that its results do not need."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..artifact import DAMAGED
from ..errors import InputError
from ..exit_status import exit_table
from ..files import remove, size_of
from ..output import ARTIFACTS, held, unfinished
from .help_format import HelpFormatter

_ARTIFACT = re.compile(r"[a-z0-9_]+-[0-9a-f]{12}")
_PROGRESS = re.compile(r"progress-[0-9a-f]{12}\.pt")

DESCRIPTION = """\
List what lies in the output folder of a study and is not needed by its results.json, with sizes: artifacts of options
that were changed since, what was damaged and made again, and what killed runs left. --remove deletes it. Results,
report and whatever bench-freeze did not make stay.

Where results.json is missing, damaged or of a run that did not finish, artifacts and the progress of trainings stay,
since the same command still goes on from them. A folder that a run holds is refused.
"""


@dataclass(frozen=True)
class Leftover:
    """One file or folder that can go: its size on disk in bytes, and why nothing needs it."""

    path: Path
    size: int
    why: str


def add_clean(commands: Any) -> None:
    """Add the command to the parser's."""
    clean = commands.add_parser(
        "clean",
        help="list, or remove, what the results in an output folder do not need",
        description=DESCRIPTION,
        epilog=exit_table(),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    clean.add_argument("out", metavar="OUT", help="the output folder of `bench-freeze run`")
    clean.add_argument("--remove", action="store_true", help="delete what is listed (default: list only)")
    clean.set_defaults(call=_clean)


def leftovers(folder: Path) -> tuple[list[Leftover], str | None]:
    """What can go, and in a sentence why artifacts were not looked at, None where they were.

    The caller holds the folder.
    """
    found = [Leftover(path, size_of(path), "left by a run that was killed") for path in unfinished(folder)]
    inside = sorted((folder / ARTIFACTS).iterdir()) if (folder / ARTIFACTS).is_dir() else []
    damaged = [path for path in inside if path.name.startswith(DAMAGED)]
    found += [Leftover(path, size_of(path), "was damaged, and made again") for path in damaged]
    needed, why_not = _needed(folder)
    if needed is not None:
        other = [path for path in inside if _ARTIFACT.fullmatch(path.name) and path.name not in needed]
        found += [Leftover(path, size_of(path), "of other options than the results") for path in other]
        progress = [path for path in inside if _PROGRESS.fullmatch(path.name)]
        found += [Leftover(path, size_of(path), "of a training that the results do not need") for path in progress]
    return found, why_not


def _needed(folder: Path) -> tuple[frozenset[str] | None, str | None]:
    """The names of the artifacts that the results in a folder were made from; None and a sentence where none can go."""
    from ..report.documents import RESULTS, read_document
    from ..results.schema import Results

    file = folder / RESULTS
    again = "artifacts stay; the same run command goes on from them"
    if not file.exists():
        return None, f"There is no {RESULTS}, so {again}."
    try:
        results = read_document(file)
    except InputError as error:
        return None, f"{error} Until then {again}."
    if not isinstance(results, Results) or not results.finished:
        return None, f"{RESULTS} is of a run that did not finish, so {again}."
    if results.artifacts is None:
        return None, (
            f"{RESULTS} is of an earlier version and does not name its artifacts, so they stay; the same run command "
            "writes it again."
        )
    return frozenset(results.artifacts), None


def _clean(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..report.documents import RESULTS

    folder = Path(parsed.out)
    if not (folder / ARTIFACTS).is_dir() and not (folder / RESULTS).is_file():
        raise InputError(
            f"{folder} is no output folder of `bench-freeze run`: it has neither {RESULTS} nor {ARTIFACTS}."
        )
    with held(folder):
        found, why_not = leftovers(folder)
        for left in found:
            if parsed.remove:
                _remove(left.path)
            print(f"{_megabytes(left.size):>10}  {left.path.relative_to(folder)}  {left.why}")
    if why_not is not None:
        print(why_not)
    total = f"{len(found)} {'entry' if len(found) == 1 else 'entries'}, {_megabytes(sum(left.size for left in found))}"
    if not found:
        print("Nothing to remove.")
    else:
        print(f"Removed {total}." if parsed.remove else f"{total}; --remove deletes them.")
    return 0


def _remove(path: Path) -> None:
    try:
        remove(path)
    except OSError as error:
        raise InputError(
            f"{error.filename or path} cannot be removed ({error.strerror}); change its permissions and repeat the "
            "command."
        ) from None


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"
