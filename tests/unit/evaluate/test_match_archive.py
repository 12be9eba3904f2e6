"""Match files that are not trusted: bounded in size, and every odd archive a sentence."""

import hashlib
import io
import json
import pickle
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from bench.robustness.document_kinds import kinds

from bench_freeze.errors import InputError
from bench_freeze.evaluate.columns import pack_columns
from bench_freeze.evaluate.match_archive import ALWAYS_ALLOWED
from bench_freeze.evaluate.match_file import parse_matches

REAL = next(kind for kind in kinds() if kind.name == "matches.zip").real[0]


def members():
    with zipfile.ZipFile(io.BytesIO(REAL)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts, kind=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, part in parts:
            archive.writestr(zipfile.ZipInfo(name), part, kind)
    return stream.getvalue()


def named(raw):
    return hashlib.sha256(raw).hexdigest()[:16], zlib.compress(raw, 9)


def refused(content, says=""):
    began = time.monotonic()
    with pytest.raises(InputError, match=says):
        parse_matches(content, "m.zip")
    return time.monotonic() - began


@pytest.mark.slow
def test_a_bomb_is_stopped_long_before_it_has_burst():
    inflate = zlib.compressobj(9)
    bomb = b"".join(inflate.compress(bytes(1 << 24)) for _ in range(64)) + inflate.flush()  # a gigabyte
    refused(packed([*members().items(), ("0" * 16, bomb)]), "inflates to more than 200 times")


def test_small_bombs_are_one_together():
    raw = bytes(ALWAYS_ALLOWED // 2)
    parts = [named(raw + bytes([k])) for k in range(4)]
    refused(packed([*members().items(), *parts]), "inflates to more than")


@pytest.mark.parametrize("name", ["/etc/passwd", "../../x", "0" * 15, "0" * 17, "X" * 16, "a/b", "", "about.json "])
def test_a_member_has_the_name_of_its_content_and_no_other(name):
    refused(packed([*members().items(), (name, b"x")]), "no part is called")


def test_members_twice_packed_otherwise_or_missing():
    parts = members()
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = packed([*parts.items(), *list(parts.items())[1:2]])
    refused(twice, "twice")
    refused(packed(parts.items(), zipfile.ZIP_DEFLATED), "packed in another way")
    refused(packed(list(parts.items())[1:]), "not a match file")
    refused(packed(list(parts.items())[:-1]), "damaged")


def test_members_that_overlap():
    """Every entry of the directory points to the first member, the about file."""
    content = bytearray(REAL)
    at = content.find(b"PK\x01\x02")
    first = content[at + 42 : at + 46]
    while (at := content.find(b"PK\x01\x02", at + 4)) >= 0:
        content[at + 42 : at + 46] = first
    refused(bytes(content), "damaged")


def test_every_cut_is_refused():
    for end in range(0, len(REAL), 7):
        refused(REAL[:end])


def test_a_wrong_checksum_and_a_wrong_size_are_refused():
    for offset, value in ((16, 0xDEADBEEF), (20, 1 << 30), (24, 1 << 30)):
        content = bytearray(REAL)
        at = content.find(b"PK\x01\x02")
        content[at + offset : at + offset + 4] = struct.pack("<I", value)
        refused(bytes(content), "damaged")


@pytest.mark.parametrize("version", [0, -1, 1.5, "1", True, None, [], 2, 10**400])
def test_versions(version):
    parts = members()
    parts["about.json"] = json.dumps({**json.loads(parts["about.json"]), "version": version}).encode()
    refused(packed(parts.items()))


def test_a_pickle_is_never_loaded(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "was_run"), "w")

    stream = io.BytesIO()
    np.save(stream, np.array([Evil()], dtype=object), allow_pickle=True)
    (tmp_path / "was_run").unlink(missing_ok=True)
    for raw in (pickle.dumps(Evil()), stream.getvalue()):
        about = json.loads(members()["about.json"])
        name, part = named(raw)
        about["entries"]["one"] = {"truth": name, "matches": name}
        refused(packed([("about.json", json.dumps(about).encode()), (name, part)]), "damaged")
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize(
    "shape", [[2**62], [2**32, 2**32], [-1], [1.5], [True], ["1"], None, [[1]], [0, 2**63], [1] * 40, [10**400]]
)
def test_absurd_shapes_are_refused(shape):
    raw = pack_columns({"class_names": ["a"]}, {"count": np.zeros(3, np.int64)})
    head, _, rest = raw.partition(b"\n")
    layout = json.loads(head)
    layout["columns"][0][2] = shape
    name, part = named(json.dumps(layout).encode() + b"\n" + rest)
    about = {"format": "bench-freeze matches", "version": 1, "entries": {"one": {"truth": name, "matches": name}}}
    refused(packed([("about.json", json.dumps(about).encode()), (name, part)]), "damaged")
