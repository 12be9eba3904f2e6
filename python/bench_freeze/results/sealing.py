"""Kept documents carry a digest of their own content; a document that does not match it is rejected.

The digest is of the json values, so it stays right when a document is reformatted or its line ends change. Documents of
earlier versions have none and are read as they are.
"""

from __future__ import annotations

import json

import msgspec

from ..errors import InputError
from ..files import SEAL, seal_of, sealed

SEAL_MEANING = "digest of the other fields as json with sorted keys and without spaces; null in older files"


def seal(content: bytes, *, indent: int = 1) -> bytes:
    """A json document with its digest, and a final newline; `indent` -1 writes it on one line, without spaces."""
    document = json.loads(content)
    document.pop(SEAL, None)
    return msgspec.json.format(msgspec.json.encode(sealed(document)), indent=indent) + b"\n"


def check_seal(content: bytes, kind: type[msgspec.Struct], where: str) -> None:
    """Raise InputError if a json document of this kind, read from `where`, differs from what was written.

    Content that is not a json object is left to the reader, which gives a better message.
    """
    try:
        document: object = json.loads(content)
        if not isinstance(document, dict):
            return
        if document.get(SEAL, "") is None:
            del document[SEAL]
        state = seal_of(document, {field.encode_name for field in msgspec.structs.fields(kind)})
    except (ValueError, RecursionError):
        return
    if state == "damaged":
        raise InputError(
            f"{where} changed after it was written: its {SEAL} does not fit its content, so a number in it may be "
            "wrong; take it again from where it came, or write it again with the same command. Where the change was "
            f'meant, remove the "{SEAL}" at its end.'
        )
