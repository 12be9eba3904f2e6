"""Names of files in a study's results: paths below its folder, which change nothing that was kept before."""

import msgspec
import pytest

from bench_freeze.results.schema import ArtifactHashes, Results, decode, encode
from bench_freeze.study.concluding import _rows_sha256
from tests import builders

NAMES = ("weights_file", "onnx_file", "plan_file")


def with_files(results: Results, file: str | None) -> Results:
    def named(record):
        artifact = msgspec.structs.replace(record.artifact, **dict.fromkeys(NAMES, file))
        return msgspec.structs.replace(record, artifact=artifact, detections={} if file is None else {"target": file})

    found = msgspec.structs.replace(results)
    found.rows, found.originals = [list(map(named, records)) for records in (results.rows, results.originals)]
    return found


def test_statistics_of_a_study_without_them_are_found_again():
    results = builders.committed()
    plain = _rows_sha256(with_files(results, None))
    assert _rows_sha256(with_files(results, "artifacts/onnx-1/model.onnx")) == plain
    assert _rows_sha256(results) == plain


def test_a_file_without_them_reads_as_before():
    results = builders.committed()
    assert [getattr(row.artifact, name) for row in results.rows for name in NAMES] == [None] * 3 * len(results.rows)
    assert decode(encode(with_files(results, "a/b.onnx"))).rows[0].artifact.onnx_file == "a/b.onnx"


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "a/..", "..", "", "a\nb", "a\0b", "a\n"])
def test_a_name_that_leads_out_of_the_folder_is_refused(name):
    plain = {"weights_sha256": "a", "onnx_sha256": None, "plan_sha256": None, "bytes": 1}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**plain, "onnx_file": name}, ArtifactHashes)


@pytest.mark.parametrize("name", ["a", "a/b.onnx", "..a/b", "a..b", ".hidden", "a b/ü.json"])
def test_a_name_in_the_folder_is_taken(name):
    plain = {"weights_sha256": "a", "onnx_sha256": None, "plan_sha256": None, "bytes": 1}
    assert msgspec.convert({**plain, "onnx_file": name}, ArtifactHashes).onnx_file == name
