"""What a study keeps: a second run, a changed input, a killed one, a full disk, and what is never kept."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from tests.flow.studies import SHORT, TRAINED, artifacts, bench_freeze, trainings, without_clocks

pytestmark = pytest.mark.slow


def test_a_second_run_reuses_everything(finished):
    out, results, _ = finished
    before = {p: p.stat().st_mtime_ns for p in (out / "artifacts").iterdir()}
    again = bench_freeze(*SHORT, "--out", out, "--construction", "branched,grafted,plain", "--json")
    assert again.returncode == 0, again.stderr
    assert {p: p.stat().st_mtime_ns for p in (out / "artifacts").iterdir()} == before
    repeated = json.loads(again.stdout)
    assert repeated["rows"] == results["rows"]  # samples included


def test_retime_measures_again_what_is_not_valid(finished, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    done = bench_freeze(*SHORT, "--out", out, "--construction", "branched,grafted,plain", "--json", "--retime")
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    kept = json.loads((finished[0] / "results.json").read_text())["rows"]  # the fixture is other tests' too
    for old, new in zip(kept, again["rows"], strict=True):
        before, after = old.pop("latency"), new.pop("latency")
        for scope in ("model", "pipeline"):
            own = [reason for reason in before[scope]["reasons"] if "was measured faster" not in reason]
            is_kept = before[scope]["samples_s"] == after[scope]["samples_s"]
            assert is_kept or before[scope]["verdict"] != "VALID"
            assert not is_kept or not own
        del old["memory"], new["memory"]
        assert old == new
    branched, grafted = (row for row in json.loads(done.stdout)["rows"][:2])
    assert branched["latency"] == grafted["latency"]  # one model, measured once


def test_a_changed_input_invalidates_what_depends_on_it(finished, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    before = {p.name for p in (out / "artifacts").iterdir()}
    done = bench_freeze(*SHORT, "--out", out, "--construction", "branched,grafted,plain", "--score-threshold", "0.05")
    assert done.returncode == 0, done.stderr
    new = {p.name.partition("-")[0] for p in (out / "artifacts").iterdir() if p.name not in before}
    assert new == {"detections", "latency", "rounds", "statistics"}  # neither trained nor exported again
    (artifacts(out, "onnx", partial=False)[0] / "model.onnx").write_bytes(b"damaged")
    done = bench_freeze(*SHORT, "--out", out, "--construction", "branched,grafted,plain")
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "results.json").read_text())["rows"] == finished[1]["rows"]


def start(out, **options):
    """A study whose depths train one after the other: its results must be those of depths that train together."""
    command = [sys.executable, "-m", "bench_freeze", *SHORT, "--no-share", "--out", str(out)]
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background job would ignore it
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=heeded, **options
    )


def wait_for(condition, seconds=600):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_killed_and_an_interrupted_run_go_on_and_end_the_same(finished, tmp_path):
    out = tmp_path / "out"
    killed = start(out)
    wait_for(lambda: trainings(out))  # in the middle of the first training
    killed.kill()
    killed.wait()
    assert not artifacts(out, TRAINED, partial=False)

    left_behind = set(trainings(out))
    second = start(out)
    wait_for(lambda: set(trainings(out)) - left_behind)
    blocked = bench_freeze(*SHORT, "--out", out)  # while the other runs
    assert blocked.returncode == 2
    assert f"in use by another run (process {second.pid})" in blocked.stderr
    # In the middle of the second training, when the rows of the first are written.
    wait_for(lambda: len(json.loads((out / "results.json").read_text())["rows"]) == 2 and trainings(out))
    second.send_signal(signal.SIGINT)
    message = second.communicate()[1]
    assert second.returncode == 130
    assert "continues where it stopped" in message
    assert "Traceback" not in message
    rows = json.loads((out / "results.json").read_text())
    assert not rows["finished"]
    assert [r["freeze"] for r in rows["rows"]] == [22, 22]

    done = bench_freeze(*SHORT, "--no-share", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    resumed, whole = json.loads(done.stdout), finished[1]
    whole = {**whole, "rows": [r for r in whole["rows"] if r["construction"] != "plain"]}
    assert without_clocks(resumed) == without_clocks(whole)


def test_the_users_data_are_not_touched(embedded_data, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(embedded_data[0].parent, data)
    files = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in data.rglob("*")}
    arguments = [
        *("--weights", data / embedded_data[0].name),
        *("--target", data / embedded_data[1].relative_to(embedded_data[0].parent)),
        *("--base", data / embedded_data[2].relative_to(embedded_data[0].parent)),
        *("--freeze", "22", "--epochs", "1", "--imgsz", "160", "--latency-samples", "0", "--construction", "plain"),
    ]
    for folder in (data, *data.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o555)
    try:
        done = bench_freeze(*arguments, "--out", tmp_path / "out", "--optimizer", "auto", "--lr0", "0.5", "--json")
    finally:
        for folder in (data, *data.rglob("*")):
            if folder.is_dir():
                folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in data.rglob("*")} == files
    results = json.loads(done.stdout)
    # optimizer=auto ignores lr0, which must not go unsaid.
    assert results["rows"][0]["train"]["changed"]["lr0"][0] == 0.5
    assert any("lr0 = 0.5 was requested" in warning for warning in results["warnings"])
    assert "warning: freeze 22 seed 0: lr0" in done.stderr
    assert results["rows"][0]["latency"] == {"model": None, "pipeline": None}


def test_a_full_disk_ends_in_a_sentence_and_keeps_what_was_finished(finished, tmp_path):
    """A limit on the size of any file stands for a full disk: the write fails in the same place, with EFBIG."""
    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    for folder in artifacts(out, "onnx", partial=False):
        shutil.rmtree(folder)
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "from bench_freeze.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *SHORT, "--out", str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert artifacts(out, TRAINED, partial=False)
    assert not artifacts(out, "onnx", partial=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o555)
    done = bench_freeze(*SHORT, "--out", tmp_path / "out")
    assert (done.returncode, "cannot be written" in done.stderr) == (2, True)


def test_a_frozen_tensor_that_moved_ends_the_run(finished, tmp_path, monkeypatch, capsys):
    import torch

    from bench_freeze import cli
    from bench_freeze.finetune.trainer import FreezeTrainer

    honest = FreezeTrainer.tuned_model

    def tampered(self):
        model = honest(self)
        with torch.no_grad():
            model.model[0].conv.weight[0, 0, 0, 0] += 0.25
        return model

    monkeypatch.setattr(FreezeTrainer, "tuned_model", tampered)
    out = tmp_path / "out"
    assert cli.main([*SHORT, "--out", str(out), "--latency-samples", "0"]) == 1
    assert "model.0.conv.weight" in capsys.readouterr().err
    assert not artifacts(out, TRAINED, partial=False)
    assert not artifacts(out, TRAINED, partial=True)
    assert not trainings(out)


def test_an_engine_that_dies_in_mid_run_leaves_its_samples_in_the_results(finished, tmp_path, monkeypatch, capsys):
    from bench_freeze import cli
    from bench_freeze.engines.ort_engine import OrtEngine
    from bench_freeze.measure import sampler

    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    real, calls = OrtEngine.infer, 0

    def infer(self, images):
        nonlocal calls
        calls += 1
        if calls > 25:
            raise RuntimeError("CUDA error: device lost")
        return real(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(OrtEngine, "infer", infer)
        patch.setattr(sampler, "WARMUP_MAX_CALLS", 20)
        arguments = [*SHORT, "--out", str(out), "--latency-samples", "9"]
        assert cli.main(arguments) == 3
        assert "device lost; the row and its samples are in" in capsys.readouterr().err
    results = json.loads((out / "results.json").read_text())
    assert not results["finished"]
    broken = results["originals"][0]["latency"]
    assert "device lost" in broken["failure"]
    assert broken["model"]["n"] == len(broken["model"]["samples_s"]) >= 5  # 25 calls less a warm-up of 20 at most
    assert broken["model"]["verdict"] == "INVALID"
    assert results["originals"][0]["base"]["map"] == finished[1]["originals"][0]["base"]["map"]
    assert cli.main(arguments) == 0
    assert json.loads((out / "results.json").read_text())["finished"]
