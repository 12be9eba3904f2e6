"""The documents that are kept: results, profiles, baselines, examples. A changed one is refused, an old one is read."""

import json
import random

import msgspec
import pytest

from bench_freeze.check.read import read_side
from bench_freeze.errors import InputError
from bench_freeze.report.documents import read_document
from bench_freeze.results.schema import Results
from bench_freeze.results.sealing import check_seal, seal
from tests.unit.check.check_files import edit, write_results


@pytest.fixture
def results(tmp_path):
    """results.json with its digest."""
    path = write_results(tmp_path)
    path.write_bytes(seal(path.read_bytes()))
    return path


@pytest.mark.parametrize("read", [read_document, read_side])
def test_a_sealed_document_is_read_however_it_is_formatted(results, read):
    expected = read(results)
    for indent in (None, 2):
        results.write_text(json.dumps(json.loads(results.read_bytes()), indent=indent, sort_keys=True))
        found = read(results)
        assert found == expected if read is read_document else found.snapshot == expected.snapshot


@pytest.mark.parametrize("read", [read_document, read_side])
def test_no_flipped_bit_of_results_is_served(results, read):
    content, served = results.read_bytes(), []
    for bit in random.Random(0).sample(range(8 * len(content)), 400):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            check_seal(bytes(flipped), Results, "x")
            same = json.loads(flipped) == json.loads(content)
        except (InputError, ValueError):
            continue
        if not same:
            served.append(bit)
    assert not served
    middle = len(content) // 2
    results.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    with pytest.raises(InputError):
        read(results)


def test_a_number_that_was_changed_is_refused_with_what_to_do(results):
    edit(results, lambda content: content["rows"][0]["latency"]["model"].update(p50_s=1e-9))
    for read in (read_document, read_side):
        with pytest.raises(InputError, match=r"results\.json changed after it was written.*take it again from where"):
            read(results)
    edit(results, lambda content: content.pop("sha256"))  # as the sentence says
    read_document(results)


def test_a_seal_whose_name_is_damaged_is_no_document_of_an_earlier_version(results):
    edit(results, lambda content: content.update(sha257=content.pop("sha256")))
    with pytest.raises(InputError, match="changed after it was written"):
        read_document(results)


def test_documents_without_a_seal_are_read(tmp_path):
    path = write_results(tmp_path)
    assert json.loads(path.read_bytes())["sha256"] is None
    read_document(path), read_side(path)


def test_what_is_read_can_be_sealed_again(results):
    content = msgspec.json.encode(read_document(results))
    check_seal(seal(content), Results, "again")
    assert seal(seal(content)) == seal(content)
