"""Output folders of small studies: results from builders, real ONNX files and match data below them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from bench_freeze.data.dataset import DetectionTable
from bench_freeze.evaluate import evaluate
from bench_freeze.evaluate.match_file import MatchFile
from bench_freeze.files import file_sha256
from bench_freeze.results.decision import Recommendation
from bench_freeze.results.schema import MatchFileFacts, Results, encode
from bench_freeze.results.sealing import seal
from tests import builders
from tests.unit.engines.onnx_models import ANCHORS, card, write
from tests.workloads import make_workload

HEADS = {"base": ("cat", "dog"), "target": ("plum", "fig")}
PICKED = {"freeze": 22, "construction": "branched", "recipe": "static", "data_fraction": 1.0}


def model(path: Path, heads=("base", "target"), batch: int | None = 1) -> Path:
    """A real ONNX file with these heads: every box and score is the mean of the image, 0 to 1."""
    described = [{"name": name, "class_names": list(HEADS[name]), "kind": "raw"} for name in heads]
    path.parent.mkdir(parents=True, exist_ok=True)
    size = "batch" if batch is None else batch
    metadata = card(heads=described, batch=batch, graft_at=22 if len(heads) > 1 else None)
    return write(path, metadata, (size, 6, ANCHORS), (size, 3, 64, 64), names=tuple(heads))


def study(out: Path, *, seeds=(0,), finished=True, pick=PICKED, engine="ort") -> Results:
    """A finished study in `out`: branched and grafted, depths 22 and 10, with match data; written as results.json."""
    matches, rows = MatchFile(), []
    named = {"target": ["plum", "fig"], "base": ["dog", "cat"]}  # the base set has another order than the head
    kept = {role: matches.add(_evaluation(names, seed)) for seed, (role, names) in enumerate(named.items())}
    for seed in seeds:
        for freeze in (22, 10):
            (out / f"artifacts/tuned-{freeze}-{seed}").mkdir(parents=True)
            weights = out / f"artifacts/tuned-{freeze}-{seed}/tuned.pt"
            weights.write_bytes(b"weights %d %d" % (freeze, seed))
            for construction in ("branched", "grafted"):
                onnx = model(out / f"artifacts/onnx-{construction}{freeze}{seed}/model.onnx")
                files = {
                    "weights_sha256": file_sha256(weights),
                    "weights_file": str(weights.relative_to(out)),
                    "onnx_sha256": file_sha256(onnx),
                    "plan_sha256": None,
                    "onnx_file": str(onnx.relative_to(out)),
                    "file": str(onnx.relative_to(out)),
                    "bytes": onnx.stat().st_size,
                }
                rows.append(
                    builders.row(
                        freeze=freeze, seed=seed, construction=construction, engine=engine, imgsz=64, artifact=files,
                        target=builders.accuracy(map=0.5, matches=kept["target"]),
                        base=builders.accuracy(map=0.4, matches=kept["base"]),
                    )
                )  # fmt: skip
    facts = MatchFileFacts(**matches.write(out / "matches.zip"))
    results = builders.results(
        rows=rows,
        originals=[builders.original(engine=engine, imgsz=64)],
        matches=facts,
        finished=finished,
        data={
            "target": builders.data_facts(named["target"], category_ids=[7, 3]),
            "base": builders.data_facts(named["base"], category_ids=[18, 17]),
        },
        weights={"classes": list(HEADS["base"]), "sha256": "b"},
    )
    if pick is not None:
        recommendation = {
            "pick": "branched 22", "identity": pick, "reason": "", "ties": [], "pareto": [], "selected_on": "val",
            "final": None, "constraints": {},
        }  # fmt: skip
        results.recommendation = msgspec.convert(recommendation, Recommendation)
    keep(out, results)
    return results


def keep(out: Path, results: Results) -> None:
    """Write results.json."""
    (out / "results.json").write_bytes(seal(encode(results)))


def model_json(folder: Path):
    return json.loads((folder / "model.json").read_text())


def _evaluation(names, seed):
    work = make_workload(images=10, classes=2, truth_rows=40, rows=200, seed=seed)
    table = DetectionTable(
        work.detections.image_index,
        work.detections.labels,
        work.detections.boxes_xywh,
        work.detections.scores.astype(np.float32).astype(np.float64),
    )
    return evaluate(replace(work.truth, class_names=tuple(names)), table)
