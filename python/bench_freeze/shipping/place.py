"""Puts a finished folder in place; files that a user added to an earlier one are kept."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..errors import InputError
from ..files import partial_folder, remove
from ..results.shipped import MODEL_JSON, read_shipped

README = "README.md"


def is_ours(folder: Path) -> bool:
    """Whether a folder is a shipped one, and not a link to one."""
    return not folder.is_symlink() and (folder / MODEL_JSON).is_file()


def put_in_place(new: Path, folder: Path) -> None:
    """Give a finished folder its name, in place of an earlier one of ours. If killed midway, all files still exist."""
    if not is_ours(folder):
        new.rename(folder)
        return
    aside = partial_folder(folder.absolute().parent, folder.name)
    aside.rmdir()
    folder.rename(aside)
    new.rename(folder)
    for entry in _of_others(aside):
        if not (folder / entry.name).exists():
            entry.rename(folder / entry.name)
    remove_ours(aside)


def remove_ours(folder: Path) -> None:
    """Remove the shipped files from a folder, and the folder itself if it is then empty."""
    if not is_ours(folder):
        return
    others = set(_of_others(folder))
    for entry in [*folder.iterdir()]:
        if entry not in others:
            remove(entry)
    with suppress(OSError):
        folder.rmdir()


def _of_others(folder: Path) -> list[Path]:
    """The entries that were not shipped. If model.json cannot be read, all but it and README.md count as such."""
    own = {MODEL_JSON, README}
    with suppress(InputError):
        own |= {file.file for file in read_shipped(folder).files.values()}
    return [entry for entry in folder.iterdir() if entry.name not in own]
