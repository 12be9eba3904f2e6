"""Read a bench-freeze document as plain values and check its schema version, before its types are checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ..errors import InputError
from ..user_files import check_depth


def plain_document(content: bytes, path: Path, what: str) -> dict[str, Any]:
    """Parse a json file with a schema version. Raises InputError for any other content.

    `what` says, as a part of a sentence, which files are expected.
    """
    again = f"give {what}"
    try:
        plain = msgspec.json.decode(content)
    except RecursionError:
        raise InputError(f"{path} is nested too deeply; {again}.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} is not a complete json file ({error}); was it cut off? Write it again, or {again}."
        ) from None
    check_depth(plain, path, again)
    if not isinstance(plain, dict) or "schema_version" not in plain:
        raise InputError(f"{path} has no schema_version, so it is not a file of bench-freeze; {again}.")
    return plain


def check_version(version: object, known: int, path: Path, again: str) -> None:
    """Raise InputError for a schema version that this bench-freeze does not read; `again` is what writes the file."""
    if type(version) is not int or version < 1:
        raise InputError(
            f"{path} has schema_version {_shown(version)}, not a whole number from 1; repeat {again} with this version."
        )
    if version != known:
        age = "newer" if version > known else "older"
        remedy = "update bench-freeze" if age == "newer" else f"repeat {again} with this version"
        raise InputError(
            f"{path} has schema version {_shown(version)}, this bench-freeze reads {known}: the file is {age} "
            f"than this version; {remedy}."
        )


def _shown(version: object) -> str:
    try:
        return repr(version)[:40]
    except ValueError:  # thousands of digits
        return "of thousands of digits"
