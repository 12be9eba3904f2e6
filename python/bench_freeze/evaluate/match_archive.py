"""Read the zip of an untrusted match file: bounded in size, without overlaps, every part checked by its name's hash."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib

from ..errors import InputError
from ..files import Facts
from ..user_files import check_depth

FORMAT = "bench-freeze matches"
VERSION = 1
ABOUT = "about.json"
NAME_DIGITS = 16
MAX_PARTS = 100_000
MAX_RATIO = 200  # of the inflated parts to the file; two studies on generated data have 4.0 and 4.7
ALWAYS_ALLOWED = 64 << 20  # bytes, whatever the ratio: equal numbers compress extremely well
_PART = re.compile(rf"[0-9a-f]{{{NAME_DIGITS}}}")


def read_archive(content: bytes, where: str) -> tuple[Facts, dict[str, bytes]]:
    """The table of contents, and all inflated parts by name.

    Raises InputError for another kind of file, a newer version, or a file that is damaged or inflates too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = _members(archive, len(content), where)
            about = _about(archive.read(members.pop(ABOUT)), where)
            packed = {name: archive.read(member) for name, member in members.items()}
    except InputError:
        raise
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise _damaged(where, str(error)) from None
    left = ALWAYS_ALLOWED + MAX_RATIO * len(content)
    parts = {}
    for name, part in packed.items():
        parts[name] = _inflated(part, left, where)
        left -= len(parts[name])
        if hashlib.sha256(parts[name]).hexdigest()[:NAME_DIGITS] != name:
            raise _damaged(where, f"part {name} has another content")
    return about, parts


def _members(archive: zipfile.ZipFile, size: int, where: str) -> dict[str, zipfile.ZipInfo]:
    listed = archive.infolist()
    members = {member.filename: member for member in listed}
    if ABOUT not in members:
        raise InputError(f"{where} is not a match file of bench-freeze; give one that `run` wrote.")
    if len(listed) > MAX_PARTS:
        raise _damaged(where, f"it has {len(listed)} parts, the limit is {MAX_PARTS}")
    if len(members) != len(listed):
        raise _damaged(where, "it has a part twice")
    for name, member in members.items():
        if name != ABOUT and not _PART.fullmatch(name):
            raise _damaged(where, f"no part is called {name[:40]!r}")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise _damaged(where, f"part {name} is packed in another way")
    if sum(member.file_size for member in listed) > size:
        raise _damaged(where, "its parts overlap")
    return members


def _about(text: bytes, where: str) -> Facts:
    other = InputError(f"{where} is not a match file of bench-freeze; give one that `run` wrote.")
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):
        raise other from None
    check_depth(about, where, "take it again from where it came")
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise other
    version = about.get("version")
    if type(version) is not int or version < 1:
        raise other
    if version > VERSION:
        raise InputError(
            f"{where}: match data of version {str(version)[:20]}, this bench-freeze reads up to {VERSION}; update it."
        )
    return about


def _inflated(part: bytes, limit: int, where: str) -> bytes:
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(part, max(1, limit))
    except zlib.error as error:
        raise _damaged(where, str(error)) from None
    if inflate.unconsumed_tail:
        raise InputError(
            f"{where} inflates to more than {MAX_RATIO} times its size, as match data never do; take it again "
            "from where it came."
        )
    if not inflate.eof or inflate.unused_data:
        raise _damaged(where, "a part is cut off")
    return raw


def _damaged(where: str, why: str) -> InputError:
    return InputError(f"{where} is damaged ({why}); take it again from where it came.")
