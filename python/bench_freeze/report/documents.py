"""Read results files and profiles under distinct names, with their examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..errors import InputError
from ..results.examples import Examples
from ..results.profile import PROFILE_VERSION, Profile, decode_profile
from ..results.schema import SCHEMA_VERSION, Results, decode
from ..results.sealing import check_seal
from ..results.version import check_version, plain_document
from ..user_files import is_folder, read_file
from .assemble import Document, view_of
from .examples_view import read_examples
from .view import View

RESULTS = "results.json"
WHAT = "a results.json or a profile that bench-freeze wrote"


@dataclass(frozen=True)
class Documents:
    """The content of a report; `no_examples` has a sentence for each study without example images."""

    view: View
    examples: dict[str, Examples]
    no_examples: tuple[str, ...]


def read_documents(paths: Sequence[Path]) -> Documents:
    """Read files, or the results.json of folders. Raises InputError that names a file it cannot read."""
    documents: dict[str, Document] = {}
    examples: dict[str, Examples] = {}
    absent: list[str] = []
    for path in (path / RESULTS if is_folder(path) else path for path in paths):
        document = read_document(path)
        name = _unique(_name(path), documents)
        documents[name] = document
        if isinstance(document, Results):
            found, why = read_examples(path, document)
            if found is None:
                absent.append(f"No example images of {name}: {why}")
            else:
                examples[name] = found
    return Documents(view_of(documents), examples, tuple(absent))


def read_document(path: Path) -> Document:
    """Read one results file or profile. Raises InputError if it is missing, something else, or from a newer version."""
    content = read_file(path, "file", f"give {WHAT}")
    head = plain_document(content, path, WHAT)
    is_profile = "throughput" in head and "rows" not in head
    check_version(head["schema_version"], PROFILE_VERSION if is_profile else SCHEMA_VERSION, path, "the run")
    try:
        check_seal(content, Profile if is_profile else Results, str(path))
        return decode_profile(content) if is_profile else decode(content)
    except msgspec.MsgspecError as error:
        raise InputError(
            f"{path} is neither results.json nor a profile of bench-freeze ({error}); give {WHAT}."
        ) from None


def _name(path: Path) -> str:
    """A name for a file: its own, or its folder's for results.json."""
    if path.name == RESULTS:
        return path.resolve().parent.name or path.stem
    return path.name.removesuffix(".json").removesuffix(".profile")


def _unique(name: str, taken: dict[str, Document]) -> str:
    """The name, followed by a number if it is taken."""
    candidates = (name if i == 1 else f"{name} ({i})" for i in range(1, len(taken) + 2))
    return next(candidate for candidate in candidates if candidate not in taken)
