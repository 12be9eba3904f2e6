"""A finished study whose original was timed on a disturbed machine: the next run of the same command says so."""

import json
import shutil

import pytest
from tests.flow.studies import SHORT, bench_freeze

from bench_freeze.files import sealed

pytestmark = pytest.mark.slow
COMMAND = [*SHORT, "--construction", "branched,grafted,plain", "--json"]


def test_a_contradiction_is_said_and_kept(finished, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    (original,) = json.loads((out / "results.json").read_text())["originals"]
    slowed = 0
    for manifest in (out / "artifacts").glob("latency-*/manifest.json"):
        kept = json.loads(manifest.read_text())
        if kept["inputs"]["model"] == original["artifact"]["onnx_sha256"]:
            model = kept["facts"]["scopes"]["model"]
            model["samples_s"] = [1000 * seconds for seconds in model["samples_s"]]
            manifest.write_text(json.dumps(sealed(kept)))
            slowed += 1
    assert slowed == 1
    done = bench_freeze(*COMMAND, "--out", out)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    said = [text for text in results["warnings"] if "contains the original model and was measured faster" in text]
    assert {text.partition(" seed")[0] for text in said} == {"branched 22", "grafted 22", "branched 15", "grafted 15"}
    assert all(f"warning: {text}" in done.stderr for text in said)
    assert said[0] in (out / "report.html").read_text()
