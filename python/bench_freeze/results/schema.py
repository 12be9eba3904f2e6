"""The schema of results.json, version 1.

All AP values are fractions from 0 to 1, all times seconds, all sizes bytes. A value is null if it was not measured.
Fields may be added within a version; changing or removing one makes a new version.
"""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ..text.json_text import encoded
from .accuracy import Accuracy as Accuracy
from .accuracy import ApBySize as ApBySize
from .accuracy import ClassAccuracy as ClassAccuracy
from .analysis import Analysis
from .decision import Recommendation
from .inputs import BaseOutput, DataFacts, PresetFacts, Pretraining
from .latency import Bounds as Bounds
from .latency import Latencies as Latencies
from .latency import Latency as Latency
from .latency import Ratio as Ratio
from .latency import RejectedSample as RejectedSample
from .open_parts import check_results
from .quantities import Change, Count, Device, FileBelow, FileName, Fraction, Seconds
from .race import Race
from .sealing import SEAL_MEANING
from .study_statistics import Statistics
from .training import Training as Training

SCHEMA_VERSION = 1


class Memory(Struct, frozen=True, kw_only=True):
    """Peak memory while the data sets ran through the engine."""

    peak_bytes: Count | None


class ArtifactHashes(Struct, frozen=True, kw_only=True):
    """The chain from weights to the deployed file; `bytes` is the size of the last one."""

    weights_sha256: str
    onnx_sha256: str | None
    plan_sha256: str | None
    bytes: Count
    file: Annotated[
        str | None,
        Meta(description="the deployed file, relative to the output folder; null in older files and for torch"),
    ] = None
    weights_file: Annotated[
        FileBelow | None,
        Meta(description="the checkpoint, also relative; null in older files and if it is outside the folder"),
    ] = None
    onnx_file: Annotated[
        FileBelow | None, Meta(description="the ONNX file, also relative; null in older files and for torch")
    ] = None
    plan_file: Annotated[
        FileBelow | None,
        Meta(description="the TensorRT plan, also relative; null in older files and for other engines"),
    ] = None


class PlanBuild(Struct, frozen=True, kw_only=True):
    """One TensorRT plan of a model that was built several times."""

    plan_sha256: str
    bytes: Count
    build_s: Seconds
    timing_cache_sha256: Annotated[dict[str, str | None], Meta(description="before and after the build")]
    model: Annotated[Latency | None, Meta(description="latency of the engine alone")]


class BuildVariance(Struct, frozen=True, kw_only=True):
    """All plans of a row's model, the row's own first, and the standard deviations of their latencies."""

    plans: list[PlanBuild]
    distinct: Annotated[Count, Meta(description="number of distinct plans, by their bytes")]
    between_builds_s: Annotated[Seconds | None, Meta(description="of builds' mean latencies")]
    within_run_s: Annotated[Seconds | None, Meta(description="of calls around their build's mean")]


class Original(Struct, frozen=True, kw_only=True):
    """The original model on the base set, the reference of every row of the same engine."""

    engine: str
    precision: str
    imgsz: Count
    batch: Count
    device: Device
    base: Accuracy
    latency: Latencies
    memory: Memory
    artifact: ArtifactHashes
    letterbox: Annotated[str, Meta(description="where the pipeline letterboxes images: cpu or gpu")] = "cpu"
    weights: Annotated[str | None, Meta(description="name of the checkpoint; null in a study of one checkpoint")] = None
    head_branch: Annotated[str | None, Meta(description="one2many or one2one; null for a head with one branch")] = None
    detections: Annotated[
        dict[str, FileBelow], Meta(description="with --save-detections: COCO results by head and set, relative to OUT")
    ] = {}


class MapPair(Struct, frozen=True, kw_only=True):
    """A model's summary; its details are elsewhere."""

    map: Fraction | None
    map50: Fraction | None


class Rung(Struct, frozen=True, kw_only=True):
    """One rung of the graft ladder: base mAP with layers 0..k-1 tuned and the others original."""

    k: Count
    map: Fraction | None
    map50: Fraction | None


class Row(Struct, frozen=True, kw_only=True):
    """One model on one engine: accuracy of both heads, latency and size, all of the same file."""

    freeze: Count
    seed: Count
    engine: str
    precision: str
    construction: str
    graft_at: Annotated[Count | None, Meta(description="first layer that the heads do not share; null for plain")]
    imgsz: Count
    batch: Count
    device: Device
    protocol: str
    data_sha256: Annotated[str, Meta(description="hash over training, target and base sets")]
    target: Annotated[Accuracy, Meta(description="the target head by itself on the target set")]
    target_merged: Annotated[
        Accuracy | None, Meta(description="the target head under the detection limit shared with the base head")
    ]
    base: Annotated[Accuracy, Meta(description="the base head by itself on the base set; for plain, the tuned head")]
    base_merged: Annotated[
        Accuracy | None, Meta(description="the base head under the detection limit shared with the target head")
    ]
    base_original: Annotated[MapPair, Meta(description="the original model, same engine, precision and size")]
    base_delta_map: Annotated[Change | None, Meta(description="base.map - base_original.map")]
    latency: Latencies
    train: Training
    memory: Memory
    artifact: ArtifactHashes
    ladder: Annotated[
        list[Rung] | None,
        Meta(description="with --ladder: every rung, run in torch; the same for all rows of a training"),
    ] = None
    recipe: Annotated[str, Meta(description="how the layers were trained; static: frozen throughout")] = "static"
    data_fraction: Annotated[Fraction, Meta(description="share of the training images that the training saw")] = 1.0
    analysis: Annotated[
        Analysis | None,
        Meta(description="with --drift and other analyses, run in torch; the same for all rows of a training"),
    ] = None
    target_test: Annotated[
        Accuracy | None,
        Meta(description="the target head by itself on the test split, if there is one besides `split`"),
    ] = None
    builds: Annotated[BuildVariance | None, Meta(description="with --builds above 1: all plans of this row")] = None
    letterbox: Annotated[str, Meta(description="where the pipeline letterboxes images: cpu or gpu")] = "cpu"
    weights: Annotated[
        str | None,
        Meta(description="name of the checkpoint that the training started from; null in a study of one checkpoint"),
    ] = None
    head_branch: Annotated[
        str | None, Meta(description="one2many or one2one, for both heads; null for heads with one branch")
    ] = None
    base_output: Annotated[
        BaseOutput | None, Meta(description="comparison with the original; null if the base output is not kept")
    ] = None
    detections: Annotated[
        dict[str, FileBelow], Meta(description="with --save-detections: COCO results by head and set, relative to OUT")
    ] = {}


class MatchFileFacts(Struct, frozen=True, kw_only=True):
    """The file beside the results with the match data of all images; see evaluate/match_file.py."""

    file: FileName
    sha256: str
    bytes: Count


class Results(Struct, kw_only=True):
    """One study. Written after every row; `finished` says whether it is complete."""

    schema_version: int = SCHEMA_VERSION
    bench_freeze: str
    about: Annotated[str, Meta(description="what the numbers describe, in a sentence")]
    command: str
    finished: bool
    study: dict[str, Any]
    settings: Annotated[dict[str, Any], Meta(description="score threshold, suppression and matching settings")]
    environment: dict[str, Any]
    weights: Annotated[
        dict[str, Any], Meta(description="the base checkpoint (the first of several): hash, classes, layer map")
    ]
    data: dict[str, DataFacts]
    originals: list[Original] = []
    rows: list[Row] = []
    warnings: list[str] = []
    lr_searches: Annotated[
        list[dict[str, Any]],
        Meta(description="with --lr-search: rates tried for an arm, and losses on the held-out part"),
    ] = []
    matches: MatchFileFacts | None = None
    statistics: Annotated[Statistics | None, Meta(description="of all rows; null until the study is finished")] = None
    recommendation: Recommendation | None = None
    pretrainings: Annotated[
        list[Pretraining], Meta(description="with several --weights: all checkpoints, in order; else empty")
    ] = []
    artifacts: Annotated[
        list[str] | None,
        Meta(description="folders under artifacts/ that these results were made from; null in older files"),
    ] = None
    best: Annotated[
        FileBelow | None, Meta(description="folder with the pick's files, ready to use; null without a pick or files")
    ] = None
    preset: Annotated[PresetFacts | None, Meta(description="with --preset: its settings; null in older files")] = None
    race: Annotated[Race | None, Meta(description="with --budget: arms that raced; null without")] = None
    sha256: Annotated[str | None, Meta(description=SEAL_MEANING)] = None

    def pretraining(self, name: str | None) -> Pretraining | None:
        """A checkpoint by its name in rows; None in a study of one checkpoint."""
        return next((found for found in self.pretrainings if found.name == name), None)


def encode(results: Results) -> bytes:
    """results.json, indented, with a final newline."""
    return msgspec.json.format(encoded(results), indent=1) + b"\n"


def decode(content: bytes) -> Results:
    """Results from the bytes of a results.json; raises msgspec.ValidationError or DecodeError."""
    results = msgspec.json.decode(content, type=Results)
    check_results(results)
    return results


def json_schema() -> dict[str, Any]:
    """The schema as JSON Schema, descriptions included: the same text on every Python (3.13 strips docstrings)."""
    schema: dict[str, Any] = _dedented(msgspec.json.schema(Results))
    return schema


def _dedented(node: object) -> Any:
    match node:
        case {**fields}:
            return {
                name: inspect.cleandoc(value) if name == "description" and isinstance(value, str) else _dedented(value)
                for name, value in fields.items()
            }
        case [*items]:
            return [_dedented(item) for item in items]
        case _:
            return node


if __name__ == "__main__":  # python -m bench_freeze.results.schema > python/bench_freeze/results/results.schema.json
    print(msgspec.json.format(msgspec.json.encode(json_schema()), indent=1).decode())
