"""Files with documents inside: what they hold is mutated, and the file is whole again around it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache
from random import Random

from .mutate import TOKENS, mutated_bytes, mutated_structure


def mutated_matches(content: bytes, rng: Random) -> bytes:
    """A match file with a part or its table of contents mutated, under names that are right again, or odd members."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    about = members.pop("about.json").decode()
    name = rng.choice(list(members))
    if rng.random() < 0.3:
        about = mutated_structure(about, rng)
    else:
        raw = _mutated_part(zlib.decompress(members.pop(name)), rng)
        new = hashlib.sha256(raw).hexdigest()[:16]
        members[new] = zlib.compress(raw)
        about = about.replace(name, new)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        way = rng.randrange(300)
        if way == 0:
            members["../../evil"] = b"x"
        elif way == 1:
            members |= _bomb()
        kind = zipfile.ZIP_DEFLATED if way == 2 else zipfile.ZIP_STORED
        for member, part in {"about.json": about.encode(errors="surrogatepass"), **members}.items():
            archive.writestr(zipfile.ZipInfo(member), part, kind)
    return stream.getvalue()


@cache
def _bomb() -> dict[str, bytes]:
    """A part of a few hundred kilobytes that inflates to a quarter of a gigabyte."""
    zeros = bytes(1 << 28)
    return {hashlib.sha256(zeros).hexdigest()[:16]: zlib.compress(zeros)}


def _mutated_part(raw: bytes, rng: Random) -> bytes:
    head, _, rest = raw.partition(b"\n")
    if rng.random() < 0.6:
        head = mutated_structure(head.decode(), rng).encode(errors="surrogatepass").replace(b"\n", b" ")
    else:
        rest = mutated_bytes(rest, [raw], rng)
    return head + b"\n" + rest


def mutated_model(content: bytes, metadata: Mapping[str, str], rng: Random) -> bytes:
    """An ONNX file that says other things of itself: `content` is one without metadata."""
    changed = dict(metadata)
    for _ in range(rng.choice((1, 1, 2))):
        key = rng.choice(list(changed))
        value = changed[key]
        way = rng.randrange(10)
        if way == 0:
            del changed[key]
        elif way == 1:
            changed[key] = rng.choice(TOKENS).decode(errors="replace") * rng.choice((1, 5, 4000))
        elif way == 2:
            changed[key + rng.choice((" ", "2"))] = value
        elif way <= 5 and not value.startswith(("{", "[")):
            changed[key] = rng.choice(("", "0", "-1", "1e999", "9" * 5000, "[" * 3000, "True", "None", "[1e9, 1e9]"))
        else:
            changed[key] = _mutated_text(value, rng)
        if not changed:
            break
    return content + b"".join(property_of(pair) for pair in changed.items())


def _mutated_text(value: str, rng: Random) -> str:
    try:
        json.loads(value)
        text = mutated_structure(value, rng)
    except (ValueError, RecursionError):  # Python's own text of a value
        text = mutated_bytes(value.encode(), [value.encode()], rng).decode(errors="replace")
    return text.encode(errors="replace").decode()


def property_of(pair: tuple[str, str]) -> bytes:
    """Key and value as a StringStringEntryProto, field 14 of a ModelProto."""
    key, value = pair
    return _field(14, _field(1, key.encode()) + _field(2, value.encode()))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
