"""Values that tests need whole and are about in part: every one is complete, and a test says what is its own.

Each builder takes the fields that a test changes, by their names, plain or typed, and gives a value that its schema
has checked. `committed` are results of real runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median_low
from typing import Any, TypeVar

import msgspec

from bench_freeze.config.study import Study, study_from
from bench_freeze.config.training import TrainingOptions
from bench_freeze.results.inputs import DataFacts, Pretraining
from bench_freeze.results.profile import Profile
from bench_freeze.results.schema import Accuracy, Latency, Original, Results, Row, decode

RESULTS = Path(__file__).parents[1] / "bench" / "results"
COCO206 = "fruit9_coco206_320"  # three depths, one seed, ONNX Runtime
PRECISIONS = "fruit9_precisions_320"

Made = TypeVar("Made")


def study(**values: Any) -> Study:
    """A study by its flat options, checked as a user's is; all others have their defaults."""
    return study_from(values, "test")


def training(**values: Any) -> TrainingOptions:
    """The training options of such a study."""
    return study(**values).training


def committed(name: str = COCO206) -> Results:
    """Results of a real run."""
    return decode((RESULTS / f"{name}.json").read_bytes())


def accuracy(**own: Any) -> Accuracy:
    """One head on a set, without classes."""
    usual = {
        "map": 0.3, "map50": 0.5, "map75": None, "map_small": None, "map_medium": None, "map_large": None,
        "per_class": {}, "ap_by_iou": {}, "detections": 7, "dropped_detections": 0,
    }  # fmt: skip
    return _made(Accuracy, usual, own)


def latency(samples_s: Sequence[float] = (0.001, 0.002), **own: Any) -> Latency:
    """One scope of these samples, not judged."""
    samples = [float(sample) for sample in samples_s]
    usual = {
        "n": len(samples), "mean_s": fmean(samples), "p50_s": median_low(samples), "p90_s": None,
        "p99_s": None, "samples_s": samples, "stopped_by": "samples", "warmup_calls": 5,
    }  # fmt: skip
    return _made(Latency, usual, own)


_MODEL: dict[str, Any] = {
    "engine": "ort", "precision": "fp32", "imgsz": 320, "batch": 1, "device": "cpu", "memory": {"peak_bytes": None},
    "latency": {"model": None, "pipeline": None},
    "artifact": {"weights_sha256": "w", "onnx_sha256": "o", "plan_sha256": None, "bytes": 12_680_000},
}  # fmt: skip
_TRAIN: dict[str, Any] = {
    "seconds": 1.0, "peak_bytes": None, "requested": {}, "effective": {}, "changed": {}, "audit": {},
    "head_init": "name_remap", "head_start": {}, "frozen_bn": "eval",
}  # fmt: skip


def original(**own: Any) -> Original:
    """The original model, by ONNX Runtime on the CPU, without latency."""
    return _made(Original, _MODEL | {"base": accuracy()}, own)


def row(**own: Any) -> Row:
    """A grafted model of freeze 22, as the original runs; `base_delta_map` is what the accuracies say."""
    usual = _MODEL | {
        "freeze": 22, "seed": 0, "construction": "grafted", "graft_at": 22, "protocol": "coco", "data_sha256": "d",
        "target": accuracy(), "target_merged": None, "base": accuracy(), "base_merged": None, "train": _TRAIN,
        "base_original": {"map": 0.3, "map50": 0.5}, "base_delta_map": 0.0,
    }  # fmt: skip
    return _made(Row, usual, own)


def data_facts(classes: Sequence[str], **own: Any) -> DataFacts:
    """A data set of 25 images."""
    usual = {
        "name": "d", "sha256": "d", "images": 25, "boxes": 9, "crowd_boxes": 0, "counts": {}, "notes": [],
        "classes": list(classes),
    }  # fmt: skip
    return _made(DataFacts, usual, own)


def results(**own: Any) -> Results:
    """A finished study without rows."""
    usual = {
        "bench_freeze": "0", "about": "a test", "command": "", "finished": True, "study": {"batch": 1},
        "environment": {}, "weights": {}, "data": {},
        "settings": {"protocol": "coco", "score_threshold": 0.001, "nms_iou_threshold": 0.7, "max_detections": 300},
    }  # fmt: skip
    return _made(Results, usual, own)


def pretraining(name: str, base: DataFacts, **own: Any) -> Pretraining:
    """One checkpoint of several, whose head knows the classes of its base set."""
    usual = {
        "name": name, "file": f"w/{name}.pt", "sha256": "s", "architecture": "v8n", "classes": base.classes,
        "precision": "fp16", "backbone_end": 10, "stride": 32, "layers": [], "base": base,
    }  # fmt: skip
    return _made(Pretraining, usual, own)


def profile(**own: Any) -> Profile:
    """A finished profile of one file, by ONNX Runtime on the CPU, without latency."""
    usual = {
        "bench_freeze": "0.1.0", "command": "", "finished": True,
        "model": {"file": "m.onnx", "sha256": "a", "bytes": 1000, "heads": ["base"], "imgsz": 320, "batch": 1},
        "engine": {"name": "ort", "version": "1", "precision": "fp32", "device": "cpu", "threads": 1},
        "batch": 1, "images": "patterns", "settings": {"rule": {}, "selection": {}},
        "environment": {"cpu": "a processor", "cores": 2, "governor": None, "packages": {}},
    }  # fmt: skip
    return _made(Profile, usual, own)


def claim(value: float, spread: float) -> dict[str, Any]:
    """A number of an arm of several seeds, with an interval of this half width."""
    low_high = {"low": value - spread, "high": value + spread}
    return {
        "value": value, "per_seed": [value, value], "sd": 0.01, "images": None, "seeds": low_high, "interval": low_high,
        "covers": "trainings", "image_error": None, "image_degrees": None, "seed_error": None,
    }  # fmt: skip


def _made(kind: type[Made], usual: dict[str, Any], own: dict[str, Any]) -> Made:
    unknown = own.keys() - {field.name for field in msgspec.structs.fields(kind)}
    if unknown:
        raise TypeError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    return msgspec.convert(msgspec.to_builtins(usual | own), kind)
