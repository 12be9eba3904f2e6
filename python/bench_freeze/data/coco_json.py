"""Decode the text of a COCO file, or explain why it cannot be decoded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from ..errors import InputError
from ..user_files import MAX_DATA, open_file, read_file

_Content = TypeVar("_Content")

_OTHER_TEXTS = (  # by their first bytes, the longer ones first
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


_IS = ("COCO json file", "give the path of one", MAX_DATA)


def read_text(path: Path) -> bytes:
    """The bytes of a file. Raises InputError when it cannot be read."""
    return read_file(path, *_IS)


def open_text(path: Path) -> AbstractContextManager[BinaryIO]:
    """The file open for reading; raises as read_text does."""
    return open_file(path, *_IS)


def decode_typed(where: str, text: bytes, content_type: type[_Content]) -> _Content | None:
    """The text as values of `content_type`; None for JSON with other types.

    Raises InputError if the text is not JSON.
    """
    content = _decode(where, text, content_type)
    return None if isinstance(content, msgspec.ValidationError) else content


def decode_loosely(
    where: str, text: bytes, content_type: type[_Content], explain: Callable[[object], str | None]
) -> _Content:
    """As decode_typed, but JSON with other types raises InputError too.

    In that case the text is decoded without types, and `explain` finds what is wrong and where.
    """
    content = _decode(where, text, content_type)
    if not isinstance(content, msgspec.ValidationError):
        return content
    untyped = _decode(where, text, object)
    if isinstance(untyped, msgspec.ValidationError):  # a number that no float64 holds; the types know its key
        error = content if "out of range" in str(content) else untyped
        raise InputError(f"{where}: {str(error)[:1].lower()}{str(error)[1:]}: write a number that fits 64 bits")
    reason = explain(untyped)
    if reason is None:  # a key came twice, and the last one counts
        return msgspec.convert(untyped, content_type)
    raise InputError(f"{where}: {reason}")


def _decode(where: str, text: bytes, content_type: type[_Content]) -> _Content | msgspec.ValidationError:
    """The values, or the error of JSON with other types. Raises InputError if the text is not JSON."""
    try:
        content = msgspec.json.decode(text, type=content_type)
        if not text.isascii():  # values that the type leaves out are skipped without a check
            text.decode()
        return content
    except msgspec.ValidationError as error:
        return error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{where}: {_reason(text, error)}") from error


def _reason(text: bytes, error: Exception) -> str:
    if text.startswith(b"\xef\xbb\xbf"):
        return "not JSON: the text begins with a byte order mark; save it as UTF-8 without one"
    for mark, encoding in _OTHER_TEXTS:
        if text.startswith(mark):
            return f"not JSON: the text is {encoding}; save it as UTF-8"
    if b"\0" in text[:4]:
        return "not JSON: the text holds null bytes, as UTF-16 and UTF-32 do; save it as UTF-8"
    if isinstance(error, RecursionError):
        return "lists and objects are nested too deeply for a COCO file; write it again"
    if isinstance(error, UnicodeDecodeError):
        return f"not JSON: the text is not UTF-8 ({error.reason}); save it as UTF-8"
    return f"not JSON ({error}): NaN and Infinity are not JSON either"
