"""Small results files for tests of the check: two depths and the original, real evaluations, made latencies."""

import dataclasses
import json

import msgspec
import numpy as np

from bench_freeze.deployment.accuracy import Scored
from bench_freeze.evaluate import evaluate
from bench_freeze.evaluate.match_file import MatchFile
from tests import builders
from tests.workloads import make_workload

WORKLOAD = make_workload(images=60, classes=3, truth_rows=300, rows=900, seed=8)


def detections(shift=0.0, score_factor=1.0, lost_class=None):
    """The workload's detections, boxes moved by `shift` of their width, scores scaled, boxes of one class elsewhere."""
    found = WORKLOAD.detections
    boxes = found.boxes_xywh.copy()
    boxes[:, 0] += shift * boxes[:, 2]
    boxes[found.labels == lost_class, 0] += 1e5
    return dataclasses.replace(found, boxes_xywh=boxes, scores=found.scores * score_factor)


def samples(seed, level=0.005, n=200):
    return (level * np.exp(np.random.default_rng(seed).normal(0, 0.02, n))).tolist()


def latency(seed, level=0.005, **changes):
    taken = samples(seed, level)
    usual = {"mean_s": None, "p50_s": None, "verdict": "VALID"}
    return msgspec.to_builtins(builders.latency(taken, **usual)) | changes


def scored(matches, **how):
    """The accuracy of `detections(**how)`, its match data kept."""
    evaluation = evaluate(WORKLOAD.truth, detections(**how))
    numbers = builders.accuracy(map=evaluation.ap(), map50=evaluation.ap50(), detections=1)
    return Scored(numbers, evaluation).kept_in(matches)


def write_results(folder, *, seed=0, slow=(), moved=None, **changes):
    """results.json and its match file; `slow` are depths whose latency is 20 % longer, `moved` changes one head.

    Another `seed` is another training: other bytes of every model.

    `moved` is (freeze, head, arguments of `detections`); `changes` are keys of the results.
    """
    folder.mkdir(parents=True, exist_ok=True)
    matches = MatchFile()

    def accuracy(**how):
        return scored(matches, **how)

    def common(freeze):
        level = 0.005 * (1.2 if freeze in slow else 1.0)
        number = 10 * seed + (freeze or 0)
        return {
            "latency": {"model": latency(number, level), "pipeline": latency(number + 5, 1.4 * level)},
            "base": head(freeze, "base"),
            "artifact": {
                "weights_sha256": "w",
                "onnx_sha256": f"o{freeze}-{seed}",
                "plan_sha256": None,
                "bytes": 12_000_000,
            },
        }

    def head(freeze, name):
        return accuracy(**(moved[2] if moved and moved[:2] == (freeze, name) else {}))

    rows = [
        builders.row(
            **common(freeze), freeze=freeze, construction="branched", graft_at=freeze, data_sha256="d" * 64,
            target=head(freeze, "target"),
        )
        for freeze in (22, 15)
    ]  # fmt: skip
    made = builders.results(
        bench_freeze="0.1.0", environment={"cpu": "a processor", "cores": 2},
        originals=[builders.original(**common(None))], rows=rows,
        settings={"protocol": "coco", "score_threshold": 0.001}, matches=matches.write(folder / "matches.zip"),
    )  # fmt: skip
    path = folder / "results.json"
    path.write_text(json.dumps(msgspec.to_builtins(made) | changes))
    return path


def edit(path, change):
    """Apply `change` to the json in a file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path
