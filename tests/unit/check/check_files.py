"""Small results files for tests of the check: two depths and the original, real evaluations, made latencies."""

import dataclasses
import json

import msgspec
import numpy as np

from bench_freeze.deployment.accuracy import Scored
from bench_freeze.evaluate import evaluate
from bench_freeze.evaluate.match_file import MatchFile
from bench_freeze.results import schema
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
    values = {
        "n": len(taken), "mean_s": None, "p50_s": None, "p90_s": None, "p99_s": None, "samples_s": taken,
        "stopped_by": "samples", "warmup_calls": 5, "verdict": "VALID",
    }  # fmt: skip
    return values | changes


def write_results(folder, *, seed=0, slow=(), moved=None, **changes):
    """results.json and its match file; `slow` are depths whose latency is 20 % longer, `moved` changes one head.

    Another `seed` is another training: other bytes of every model.

    `moved` is (freeze, head, arguments of `detections`); `changes` are keys of the results.
    """
    folder.mkdir(parents=True, exist_ok=True)
    matches = MatchFile()

    def accuracy(**how):
        evaluation = evaluate(WORKLOAD.truth, detections(**how))
        numbers = {
            "map": evaluation.ap(), "map50": evaluation.ap50(), "map75": None, "map_small": None, "map_medium": None,
            "map_large": None, "per_class": {}, "ap_by_iou": {}, "detections": 1, "dropped_detections": 0,
        }  # fmt: skip
        kept = Scored(msgspec.convert(numbers, schema.Accuracy), evaluation).kept_in(matches)
        return msgspec.to_builtins(kept)

    def common(freeze):
        level = 0.005 * (1.2 if freeze in slow else 1.0)
        number = 10 * seed + (freeze or 0)
        return {
            "engine": "ort", "precision": "fp32", "imgsz": 320, "batch": 1, "device": "cpu",
            "latency": {"model": latency(number, level), "pipeline": latency(number + 5, 1.4 * level)},
            "memory": {"peak_bytes": None}, "base": head(freeze, "base"),
            "artifact": {
                "weights_sha256": "w", "onnx_sha256": f"o{freeze}-{seed}", "plan_sha256": None, "bytes": 12_000_000
            },
        }  # fmt: skip

    def head(freeze, name):
        return accuracy(**(moved[2] if moved and moved[:2] == (freeze, name) else {}))

    train = {"seconds": 1.0, "peak_bytes": None, "requested": {}, "effective": {}, "changed": {}, "audit": {}}
    train |= {"head_init": "name_remap", "head_start": {}, "frozen_bn": "eval"}
    rows = [
        common(freeze)
        | {
            "freeze": freeze, "seed": 0, "construction": "branched", "graft_at": freeze, "protocol": "coco",
            "data_sha256": "d" * 64, "target": head(freeze, "target"), "target_merged": None, "base_merged": None,
            "base_original": {"map": 0.3, "map50": 0.5}, "base_delta_map": 0.0, "train": train,
        }
        for freeze in (22, 15)
    ]  # fmt: skip
    content = {
        "schema_version": 1, "bench_freeze": "0.1.0", "about": "a test", "command": "", "finished": True,
        "study": {"batch": 1}, "environment": {"cpu": "a processor", "cores": 2}, "weights": {}, "data": {},
        "originals": [common(None)], "rows": rows,
        "settings": {"protocol": "coco", "score_threshold": 0.001}, "matches": matches.write(folder / "matches.zip"),
    }  # fmt: skip
    path = folder / "results.json"
    path.write_text(json.dumps(content | changes))
    return path


def edit(path, change):
    """Apply `change` to the json in a file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path
