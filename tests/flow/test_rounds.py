"""Rows of a real study timed together with the original: their ratios, what is kept, an engine that fails."""

import json
import shutil
from statistics import median

import pytest
from tests.flow.studies import SHORT, artifacts, bench_freeze

pytestmark = pytest.mark.slow
ARGUMENTS = [*SHORT, "--construction", "branched,grafted,plain"]
SCOPES = ("model", "pipeline")


def ratios(results):
    return [[row["latency"][scope]["ratio_to_original"] for scope in SCOPES] for row in results["rows"]]


def folders(out):
    return {folder.name: folder.stat().st_mtime_ns for folder in artifacts(out, "rounds", partial=False)}


def test_every_row_has_its_ratio_to_the_original(finished):
    out, results, _ = finished
    (original,) = results["originals"]
    assert [original["latency"][scope]["ratio_to_original"] for scope in SCOPES] == [None, None]
    for own in ratios(results):
        for ratio in own:
            assert ratio["reference"] == "original"
            assert 1 <= ratio["rounds"] <= 4  # eight samples, two calls in a round; fewer on a busy machine
            assert (ratio["low"], ratio["high"]) == (None, None)
            assert ratio["value"] > 0
    found = {
        (row["construction"], row["freeze"]): own for row, own in zip(results["rows"], ratios(results), strict=True)
    }
    assert found["branched", 22] == found["grafted", 22]  # one model, timed once
    kept = [json.loads((folder / "manifest.json").read_text()) for folder in artifacts(out, "rounds", partial=False)]
    rows = {row["artifact"]["onnx_sha256"]: own for row, own in zip(results["rows"], ratios(results), strict=True)}
    assert {manifest["inputs"]["model"] for manifest in kept} == set(rows)
    for manifest in kept:
        facts = manifest["facts"]
        assert facts["group"][0] == "original"
        for scope, ratio in zip(SCOPES, rows[manifest["inputs"]["model"]], strict=True):
            rounds = zip(facts[scope]["seconds"], facts[scope]["reference_s"], strict=True)
            assert ratio["value"] == pytest.approx(median(sum(own) / sum(other) for own, other in rounds))
            assert all(state["cpu"]["at_s"] > 0 for state in facts[scope]["states"])


def test_only_what_is_not_kept_is_timed_again(finished, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    lost = artifacts(out, "rounds", partial=False)[0]
    model = json.loads((lost / "manifest.json").read_text())["inputs"]["model"]
    shutil.rmtree(lost)
    before = folders(out)
    done = bench_freeze(*ARGUMENTS, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    assert "time original and 1 more in rounds" in done.stderr
    after = folders(out)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {lost.name}
    again = json.loads(done.stdout)
    for old, new, row in zip(ratios(finished[1]), ratios(again), again["rows"], strict=True):
        assert (old == new) == (row["artifact"]["onnx_sha256"] != model)


def test_an_engine_that_fails_in_a_round_loses_its_own_row_only(finished, tmp_path, monkeypatch, capsys):
    from bench_freeze import cli
    from bench_freeze.engines.ort_engine import OrtEngine

    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    kept = folders(out)
    for name in kept:
        shutil.rmtree(out / "artifacts" / name)
    broken = next(row for row in finished[1]["rows"] if (row["construction"], row["freeze"]) == ("grafted", 15))
    manifests = [folder / "manifest.json" for folder in artifacts(out, "onnx", partial=False)]
    (folder,) = (m.parent for m in manifests if broken["artifact"]["onnx_sha256"] in m.read_text())
    real_infer, calls = OrtEngine.infer, 0

    def infer(self, images):
        nonlocal calls
        if self._path.parent == folder:
            calls += 1
            if calls > 1:  # the first is when it is opened
                raise RuntimeError("device lost")
        return real_infer(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(OrtEngine, "infer", infer)
        assert cli.main([*ARGUMENTS, "--out", str(out)]) == 3
    told = capsys.readouterr().err
    assert "grafted freeze 15 seed 0 could not be timed together with the others" in told
    assert "device lost" in told
    results = json.loads((out / "results.json").read_text())
    assert results["finished"]
    assert (out / "report.html").is_file()
    assert any("device lost" in text for text in results["warnings"])
    for row, own, before in zip(results["rows"], ratios(results), finished[1]["rows"], strict=True):
        is_broken = (row["construction"], row["freeze"]) == ("grafted", 15)
        assert [ratio is None for ratio in own] == [is_broken, is_broken]
        assert ("device lost" in row["latency"].get("failure", "")) == is_broken
        assert row["latency"]["model"]["samples_s"] == before["latency"]["model"]["samples_s"]
    assert len(folders(out)) == len(kept) - 1
    assert cli.main([*ARGUMENTS, "--out", str(out)]) == 0
    assert folders(out).keys() == kept.keys()
