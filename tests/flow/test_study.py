"""The whole study for real: a real training, export and engine on the embedded data, and what comes out of it."""

import json
import shutil
from pathlib import Path

import pytest
from tests.flow.kept_inputs import kept_inputs
from tests.flow.studies import SHORT, artifacts, bench_freeze

from bench_freeze.gallery.gather import MOST_BOXES
from bench_freeze.results.examples import decode_examples
from bench_freeze.results.schema import decode

pytestmark = pytest.mark.slow


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
    assert [text for text in results["warnings"] if "was measured faster" not in text] == []  # of a busy machine
    construction, freeze = pick["pick"].split()
    assert f"Recommended: Freeze {freeze}, {construction}:" in done.stdout


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
    assert "target mAP" in done.stdout
    assert [Path(line).name for line in done.stdout.splitlines()[-2:]] == ["results.json", "report.html"]


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


def test_the_numbers_are_pycocotools_own(finished, tmp_path):
    """The kept detections of the original model, written as COCO results, scored by pycocotools."""
    import contextlib
    import io

    import numpy as np
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from bench_freeze.deployment.pipeline import load_detections

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
    from bench_freeze.evaluate.match_file import load_matches
    from bench_freeze.files import file_sha256

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
    assert cli.main(check) == 0  # a run against itself, whatever its latencies are worth


def test_its_artifacts_are_made_from_what_they_always_were(finished):
    """So a study of an earlier version of the code goes on here: kept_inputs.json was written by one.

    A key that must change is one that the CHANGELOG tells users of; then `python -m tests.flow.kept_inputs OUT` writes
    the file anew.
    """
    assert kept_inputs(finished[0]) == json.loads(Path(__file__).with_name("kept_inputs.json").read_text())
