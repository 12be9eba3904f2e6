"""The narrow JSON reader against the full parser: it reads the same, or leaves the text to it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_freeze.data import coco
from bench_freeze.data.coco import read_results
from bench_freeze.errors import InputError
from bench_freeze.kernels.ext import native

ROW = '{"image_id": 7, "category_id": 2, "bbox": [1, 2.5, 3e0, 4], "score": 0.25}'


def fully(text: bytes) -> Any:
    """The full parser's columns, or None where it refuses."""
    try:
        return coco._result_columns(Path("text"), text)
    except InputError:
        return None


def of_file(text: bytes, threads: int, piece: int) -> Any:
    """What the reader makes of the same bytes in a file, `piece` of them at a time."""
    with tempfile.TemporaryFile() as stream:
        stream.write(text)
        stream.flush()
        return native.read_results_file(stream.fileno(), len(text), threads, piece)


def assert_equal_columns(found: Any, wanted: Any) -> None:
    assert (found is None) == (wanted is None)
    for one, other in zip(found or (), wanted or (), strict=True):
        np.testing.assert_array_equal(one, other)


def assert_same_or_left(text: bytes, threads: int = 1) -> bool:
    columns = native.read_results(text, threads)
    for piece in (1, 7, 64, 1 << 18):
        assert_equal_columns(of_file(text, threads, piece), columns)
    if columns is None:
        return False
    expected = fully(text)
    assert expected is not None, text
    for found, wanted in zip(columns, expected, strict=True):
        np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)
    return True


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        " [ ] \n",
        f"[{ROW}]",
        f"\n[ {ROW} ,\t{ROW}]\r\n",
        f'[{ROW[:-1]}, "segmentation": {{"counts": "abc", "size": [1, 2]}}, "more": [[], {{}}, null, true, "x"]}}]',
        "[" + ROW.replace("0.25", "-1.5E-3") + "]",
        "[" + ROW.replace("0.25", "123456789012345678901234567890e-30") + "]",
        "[" + ROW.replace("0.25", "0.30000000000000004") + "]",
    ],
)
def test_reads_what_is_plain(text: str) -> None:
    assert assert_same_or_left(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "", "[", "]", "[[]]", "[{}]", f"[{ROW}", f"[{ROW},", f"[{ROW},]", f"[{ROW}{ROW}]", f"[{ROW}] x", f"[{ROW}]]",
        f"[{ROW}\0]", f"[{ROW}]\0", f"[{ROW.replace('7', '07')}]", f"[{ROW.replace('7', '7.0')}]",
        f"[{ROW.replace('0.25', '.25')}]", f"[{ROW.replace('0.25', '1.')}]", f"[{ROW.replace('0.25', '1e')}]",
        f"[{ROW.replace('0.25', '+1')}]", f"[{ROW.replace('0.25', 'NaN')}]", f"[{ROW.replace('0.25', '1e400')}]",
        f"[{ROW.replace('0.25', '00.5')}]", f"[{ROW.replace('0.25', '0x1')}]", f"[{ROW.replace('0.25', 'null')}]",
        f"[{ROW.replace('[1,', '[1, 1,')}]", f"[{ROW.replace('[1, ', '[')}]", f"[{ROW.replace('score', 'scor')}]",
        f"[{ROW[:-1]}, \"score\": 1}}]", f"[{ROW[:-1]}, \"x\": {'[' * 80}{']' * 80}}}]", f"[{ROW[:-1]},}}]",
        f"[{ROW[:-1]}, \"x\": tru}}]", f"[{ROW[:-1]}, \"x\": \"\\u00e9\"}}]", f"[{ROW[:-1]}, \"x\": \"é\"}}]",
        f"[{ROW.replace('7', '99999999999999999999')}]",
    ],
)  # fmt: skip
def test_leaves_the_rest_to_the_full_parser(text: str) -> None:
    assert native.read_results(text.encode(), 1) is None


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_texts(data: Any) -> None:
    text = bytearray(f"[{ROW}, {ROW}]".encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        kind = data.draw(st.sampled_from(["replace", "drop", "cut", "insert"]))
        byte = data.draw(st.sampled_from(b'0123456789.-+eE[]{},:" \\nt\x00\xff'))
        if kind == "replace":
            text[at] = byte
        elif kind == "insert":
            text.insert(at, byte)
        else:
            del text[at : at + 1 if kind == "drop" else None]
        if not text:
            break
    assert_same_or_left(bytes(text))
    native.read_annotations(bytes(text))


@given(value=st.floats(allow_nan=False, allow_infinity=False), form=st.sampled_from(["%r", "%.3f", "%.17g", "%e"]))
def test_numbers_round_as_those_of_the_json_module(value: float, form: str) -> None:
    written = form % value
    text = ("[" + ROW.replace("0.25", written) + "]").encode()
    columns = native.read_results(text, 1)
    if columns is not None:
        assert columns[3][0] == json.loads(written)
    else:
        assert not 1e-200 < abs(value) < 1e200


@pytest.mark.parametrize("trap", ["", ', "x": "}, {"', ', "x": [{"a": 1}, {"image_id": 1}]'])
def test_threads_read_the_same_as_one(trap: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        f'{{"image_id": {i % 9}, "category_id": 2, "bbox": [{x}, 2, 3, 4], "score": {x}{trap}}}'.replace(trap, trap)
        for i, x in enumerate(rng.random(25_000))
    ]
    text = ("[" + ", ".join(rows) + "]").encode()
    one = native.read_results(text, 1)
    assert one is not None
    for threads in (2, 3, 7):
        assert_equal_columns(native.read_results(text, threads), one)
        for piece in (100, 4096, 1 << 18):
            assert_equal_columns(of_file(text, threads, piece), one)
    for broken in (text[:-1], text[: len(text) // 2], text[:1_000_000] + b"x" + text[1_000_000:], text + b"]"):
        assert native.read_results(broken, 3) is None
        assert of_file(broken, 3, 4096) is None
    path = tmp_path / "dt.json"
    path.write_bytes(text)
    truth = coco.instances_from(
        {"images": [{"id": i} for i in range(9)], "categories": [{"id": 2}], "annotations": []}
    ).ground_truth
    assert len(read_results(path, truth, threads=3).detections) == 25_000


def test_a_file_that_is_shorter_than_it_said_is_left(tmp_path: Path) -> None:
    path = tmp_path / "dt.json"
    path.write_bytes(f"[{ROW}]".encode())
    with path.open("rb") as stream:
        assert native.read_results_file(stream.fileno(), path.stat().st_size + 1, 1) is None
        assert native.read_results_file(stream.fileno(), path.stat().st_size - 1, 1) is None
    assert native.read_results_file(-1, 100, 1) is None


def test_an_entry_longer_than_a_piece_is_read_whole() -> None:
    long = f'[{ROW[:-1]}, "more": [{", ".join(["0"] * 5000)}]}}, {ROW}]'.encode()
    assert_equal_columns(of_file(long, 1, 16), native.read_results(long, 1))
