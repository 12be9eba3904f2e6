"""The whole study for real: a real training, export and engine on the embedded data, and what happens around it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench_freeze.examples.gather import MOST_BOXES
from bench_freeze.report.examples_schema import decode_examples
from bench_freeze.report.schema import decode

pytestmark = pytest.mark.slow

SHORT = ["--freeze", "22,15", "--epochs", "1", "--latency-samples", "8", "--latency-seconds", "1"]
TRAINED = "tuned"


def bench_freeze(*arguments, **options):
    command = [sys.executable, "-m", "bench_freeze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def without_clocks(results):
    """What must be equal between two runs: everything that no clock, meter, company or other row decides."""
    plain = json.loads(json.dumps(results))
    for row in (*plain["rows"], *plain["originals"]):
        del row["latency"], row["memory"]
        for key in ("seconds", "peak_bytes", "shared_with"):
            row.get("train", {}).pop(key, None)
    for key in ("environment", "command", "study"):
        del plain[key]
    for key in ("matches", "statistics", "recommendation"):  # of all rows together, and of their latencies
        del plain[key]
    return plain


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One finished study: its folder and its results."""
    out = tmp_path_factory.mktemp("study") / "out"
    done = bench_freeze(*SHORT, "--out", out, "--construction", "branched,grafted,plain")
    assert done.returncode == 0, done.stderr
    return out, json.loads((out / "results.json").read_text()), done


def test_a_row_for_every_depth_and_construction(finished):
    _, results, _ = finished
    rows = [(row["freeze"], row["construction"]) for row in results["rows"]]
    assert rows == [(f, c) for f in (22, 15) for c in ("branched", "grafted", "plain")]
    assert results["finished"]
    assert "embedded problem" in results["about"]


def test_the_file_fits_its_schema(finished):
    out, results, _ = finished
    assert decode((out / "results.json").read_bytes()).schema_version == 1
    promised = {
        "freeze", "seed", "engine", "precision", "construction", "imgsz", "batch", "device", "protocol", "data_sha256",
        "target", "base", "base_merged", "base_original", "base_delta_map", "latency", "train", "memory", "artifact",
    }  # fmt: skip
    for row in results["rows"]:
        assert promised <= row.keys()
        assert {"map", "map50", "per_class"} <= row["target"].keys()
        for scope in ("model", "pipeline"):
            latency = row["latency"][scope]
            assert latency["n"] == len(latency["samples_s"]) == 8
            assert min(latency["samples_s"]) > 0
            assert latency["p50_s"] in latency["samples_s"]
            assert latency["p90_s"] is None  # eight samples say nothing about one in ten
            assert latency["p99_s"] is None
        assert len(row["artifact"]["onnx_sha256"]) == 64
        assert row["artifact"]["plan_sha256"] is None


def test_branched_loses_nothing_and_grafted_what_was_forgotten(finished):
    _, results, _ = finished
    rows = {(r["freeze"], r["construction"]): r for r in results["rows"]}
    original = results["originals"][0]["base"]
    for freeze in (22, 15):
        assert rows[freeze, "branched"]["base_delta_map"] == 0
        assert rows[freeze, "branched"]["base"]["per_class"] == original["per_class"]
        assert rows[freeze, "branched"]["target"] == rows[freeze, "grafted"]["target"]
        assert rows[freeze, "plain"]["target"] == rows[freeze, "grafted"]["target"]
        assert rows[freeze, "plain"]["base"]["map"] < original["map"]
        assert rows[freeze, "plain"]["base_merged"] is None
    assert rows[22, "grafted"]["base_delta_map"] == 0
    assert rows[15, "grafted"]["base_delta_map"] != 0


def test_the_base_detector_detects(finished):
    """The committed weights are trained: far above chance, measured anew on every machine that runs this."""
    assert finished[1]["originals"][0]["base"]["map"] > 0.6


def test_it_ends_with_statistics_and_a_pick(finished):
    """On real, small data: what is proved is called so, one seed is called one seed, and test decides nothing."""
    _, results, done = finished
    statistics, pick = results["statistics"], results["recommendation"]
    base = [entry for entry in statistics["comparisons"] if entry["data"] == "base"]
    outcomes = {entry["b"]: {test["outcome"] for test in entry["equivalence"]} for entry in base}
    identical = {name for name, found in outcomes.items() if found == {"identical by construction"}}
    assert identical == {"branched 22", "grafted 22", "branched 15"}
    assert "One seed" in statistics["limits"][0]
    assert {d["data"] for d in statistics["detectable"]} == {"target", "base"}
    assert pick["pick"] in identical
    rows = {f"{r['construction']} {r['freeze']}": r for r in results["rows"]}
    assert pick["final"]["value"] == rows[pick["pick"]]["target_test"]["map"]
    assert rows["branched 15"]["target_test"] == rows["grafted 15"]["target_test"]
    assert rows["branched 15"]["target_test"]["map"] != rows["branched 15"]["target"]["map"]
    assert results["warnings"] == []
    assert f"Pick: {pick['pick']}." in done.stdout


def test_trainings_are_recorded_and_audited(finished):
    for row in finished[1]["rows"]:
        train = row["train"]
        assert train["requested"]["lr0"] == train["effective"]["lr0"]
        assert train["effective"]["optimizer"] == "AdamW"
        assert train["changed"] == {}
        assert train["audit"]["parameters"] > 0
        assert train["seconds"] > 0
    rows = {(r["freeze"]): r for r in finished[1]["rows"]}
    trainable = {f: rows[f]["train"]["effective"]["trainable_parameters"] for f in (22, 15)}
    assert trainable[22] < trainable[15]


def test_a_run_leaves_its_report(finished):
    out, results, done = finished
    assert str(out / "report.html") in done.stdout
    page = (out / "report.html").read_text()
    assert all(f"branched {freeze}" in page for freeze in (22, 15))
    examples = decode_examples((out / "examples.json").read_bytes())
    assert {image.role for image in examples.images} == {"target", "base"}
    assert {image.picture.partition(",")[0] for image in examples.images} <= {
        "data:image/webp;base64", "data:image/jpeg;base64",
    }  # fmt: skip
    # Every row's detections were found again; with the whole neck frozen branched and grafted are one model.
    rows = sorted(position for model in examples.models for position in model.rows)
    assert rows == list(range(-1, len(results["rows"])))
    assert [0, 1] in [model.rows for model in examples.models]
    for image in examples.images:
        assert page.count(image.picture) == 1
        scored = [box for box in image.truth if box.state == "truth"]
        for found in image.found.values():
            boxes = found.heads.get(image.role)
            if boxes is not None and len(boxes) < MOST_BOXES:
                assert sum(box.state == "hit" for box in boxes) + len(found.missed) == len(scored)


def test_plain_output_without_a_terminal(finished):
    _, _, done = finished
    assert "\x1b[" not in done.stdout + done.stderr
    assert "target mAP50" in done.stdout
    assert [Path(line).name for line in done.stdout.splitlines()[-2:]] == ["results.json", "report.html"]


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
    for old, new in zip(finished[1]["rows"], again["rows"], strict=True):
        before, after = old.pop("latency"), new.pop("latency")
        valid = all(before[scope]["verdict"] == "VALID" for scope in ("model", "pipeline"))
        assert valid == (before["model"]["samples_s"] == after["model"]["samples_s"])
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
    assert new == {"detections", "latency", "statistics"}  # neither trained nor exported again
    (artifacts(out, "onnx", partial=False)[0] / "model.onnx").write_bytes(b"damaged")
    done = bench_freeze(*SHORT, "--out", out, "--construction", "branched,grafted,plain")
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "results.json").read_text())["rows"] == finished[1]["rows"]


def start(out, **options):
    """A study whose depths train one after the other: its results must be those of depths that train together."""
    command = [sys.executable, "-m", "bench_freeze", *SHORT, "--no-share", "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def artifacts(out: Path, kind: str, *, partial: bool):
    pattern = f".{kind}-*.partial" if partial else f"{kind}-*"
    return list((out / "artifacts").glob(pattern))


def trainings(out: Path):
    """Folders that exist as long as something is trained."""
    return list((out / "artifacts").glob(".training.*.partial"))


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
    # In the middle of the second training, the rows of the first are written.
    wait_for(lambda: artifacts(out, TRAINED, partial=False) and trainings(out))
    second.send_signal(signal.SIGINT)
    message = second.communicate()[1]
    assert second.returncode == 130
    assert "goes on where it stopped" in message
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
    assert any("lr0 = 0.5 was asked for" in warning for warning in results["warnings"])
    assert "warning: freeze 22 seed 0: lr0" in done.stderr
    assert results["rows"][0]["latency"] == {"model": None, "pipeline": None}


def test_a_newer_family_with_two_kinds_of_head(embedded_data, tmp_path):
    """YOLO26 numbers its layers differently and trains a one-to-one head beside the usual one."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    from bench_freeze.dualhead.checkpoint import save_checkpoint

    names = [category["name"] for category in json.loads(embedded_data[2].read_text())["categories"]]
    torch.manual_seed(0)
    model = DetectionModel("yolo26n.yaml", nc=len(names), verbose=False)
    model.names = dict(enumerate(names))
    save_checkpoint(tmp_path / "yolo26n.pt", model, half=False)
    done = bench_freeze(
        *("--weights", tmp_path / "yolo26n.pt", "--target", embedded_data[1], "--base", embedded_data[2]),
        *("--epochs", "1", "--imgsz", "96", "--latency-samples", "0", "--construction", "branched", "--freeze", "11"),
        *("--out", tmp_path / "out", "--json"),
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results["weights"]["backbone_end"] == 11
    assert results["rows"][0]["base_delta_map"] == 0
    assert results["rows"][0]["train"]["audit"]["parameters"] > 100


def test_drifting_statistics_are_measured_when_asked_for(tmp_path):
    done = bench_freeze(
        *("--freeze", "15", "--epochs", "1", "--latency-samples", "0", "--frozen-bn", "train"),
        *("--construction", "grafted", "--engine", "torch", "--out", tmp_path / "out", "--json"),
    )
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)["rows"][0]
    assert row["engine"] == "torch"
    assert row["artifact"]["onnx_sha256"] is None
    drift = row["train"]["audit"]["buffer_drift"]
    assert drift
    assert all((name.startswith("model.") and "running" in name) or "num_batches" in name for name in drift)


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


def test_the_numbers_are_pycocotools_own(finished, tmp_path):
    """The kept detections of the original model, written as COCO results, scored by pycocotools."""
    import contextlib
    import io

    import numpy as np
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from bench_freeze.deployed.pipeline import load_detections

    out, results, _ = finished
    truth_file = next((out / "artifacts").glob("embedded-*/base/annotations/*.json"))
    truth = json.loads(truth_file.read_text())
    image_ids = sorted(image["id"] for image in truth["images"])
    category = {c["name"]: c["id"] for c in truth["categories"]}
    classes = results["weights"]["classes"]
    kept = [load_detections(p / "detections.npz") for p in artifacts(out, "detections", partial=False)]
    original = next(k["base"] for k in kept if set(k) == {"base"})
    rows = [
        {
            "image_id": image_ids[i],
            "category_id": category[classes[label]],
            "bbox": [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()],
            "score": float(score),
        }
        for i, label, box, score in zip(
            original.image_index, original.labels, original.boxes_xyxy, original.scores, strict=True
        )
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(truth_file))
        evaluation = COCOeval(coco, coco.loadRes(rows), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    found = results["originals"][0]["base"]
    ours = [found[key] for key in ("map", "map50", "map75", "map_small", "map_medium", "map_large")]
    theirs = [None if value < 0 else value for value in evaluation.stats[:6]]
    assert ours == theirs  # to the last bit
    precision = evaluation.eval["precision"][:, :, :, 0, 2]
    by_iou = [float(np.mean(p[p > -1])) for p in precision]
    assert list(found["ap_by_iou"].values()) == by_iou


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


def test_the_ladder_climbs_from_the_original_to_grafted(finished, tmp_path):
    """On the finished study's artifacts, so that nothing is trained for it."""
    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    done = bench_freeze(*SHORT, "--out", out, "--construction", "grafted", "--ladder", "--json")
    assert done.returncode == 0, done.stderr
    original = finished[1]["originals"][0]["base"]["map"]
    for row in json.loads(done.stdout)["rows"]:
        rungs = {rung["k"]: rung["map"] for rung in row["ladder"]}
        assert list(rungs) == list(range(23))
        assert len({rungs[k] for k in range(row["freeze"] + 1)}) == 1
        # Two engines: torch for the ladder, ONNX Runtime for the row; their rounding may move a borderline match.
        assert rungs[0] == pytest.approx(original, abs=2e-3)
        assert rungs[22] == pytest.approx(row["base"]["map"], abs=2e-3)
    new = {p.name.partition("-")[0] for p in (out / "artifacts").iterdir()} - {
        p.name.partition("-")[0] for p in (finished[0] / "artifacts").iterdir()
    }
    assert new == {"ladder"}


def test_match_data_lie_beside_the_results_and_repeat(finished, tmp_path):
    from bench_freeze import cli
    from bench_freeze.artifact import file_sha256
    from bench_freeze.evaluate.match_file import load_matches

    out, results, _ = finished
    facts = results["matches"]
    assert file_sha256(out / facts["file"]) == facts["sha256"]
    kept = load_matches(out / facts["file"])
    for row in (*results["rows"], *results["originals"]):
        for head in ("target", "base"):
            if head in row:
                assert kept[row[head]["matches"]].ap() == row[head]["map"]
    branched = [row["base"]["matches"] for row in results["rows"] if row["construction"] == "branched"]
    assert set(branched) == {results["originals"][0]["base"]["matches"]}  # equal detections share an entry
    to = tmp_path / "baseline.json"
    assert cli.main(["baseline", "update", str(out / "results.json"), "--to", str(to), "--reason", "first"]) == 0
    check = ["check", str(out / "results.json"), "--baseline", str(to)]
    assert cli.main(check) == 3  # eight samples are too few
    assert cli.main([*check, "--max-latency-increase", "off"]) == 0


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
