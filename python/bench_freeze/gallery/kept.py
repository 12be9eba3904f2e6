"""Find the kept detections of a study by the inputs that they depend on."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ..artifact import Artifact, ArtifactStore, read_artifact
from ..deployment.pipeline import HeadDetections, load_detections
from ..engines.availability import PACKAGES
from ..kernels.nms_options import NmsOptions
from ..results.open_parts import Settings
from ..results.schema import Original, Results, Row
from ..study.bench import DETECTIONS
from .compare import SCORE_THRESHOLD

ROLES = ("target", "base")
Heads = Mapping[str, HeadDetections]


@dataclass(frozen=True)
class KeptModel:
    """One model and its detections for drawing, by role of the data set, then by head.

    Rows that share a model share its detections. `records` has their positions; -1-i is the i-th original.
    """

    records: tuple[int, ...]
    record: Row | Original
    found: Mapping[str, Heads]


def kept_models(results: Results, store: ArtifactStore) -> list[KeptModel]:
    """The models of a study whose detections still exist, originals first."""
    settings = msgspec.convert(results.settings, Settings)
    selection = NmsOptions(settings.score_threshold, settings.nms_iou_threshold, settings.max_detections)
    artifacts = [a for folder in sorted(store.folder.glob("detections-*")) if (a := read_artifact(folder)) is not None]
    artifacts = [a for a in artifacts if a.inputs.get("settings") == selection.key()]
    records: list[tuple[int, Row | Original]] = [(-1 - i, original) for i, original in enumerate(results.originals)]
    records += list(enumerate(results.rows))
    groups: dict[tuple[str | None, ...], tuple[list[int], Row | Original, dict[str, Artifact]]] = {}
    for position, record in records:
        own = {role: _find(artifacts, record, results, _data_sha256(role, record, results)) for role in ROLES}
        there = {role: artifact for role, artifact in own.items() if artifact is not None}
        key = tuple(there[role].key if role in there else None for role in ROLES)
        if there:
            groups.setdefault(key, ([], record, there))[0].append(position)
    return [
        KeptModel(tuple(positions), record, {role: _shown(a.read(DETECTIONS)) for role, a in there.items()})
        for positions, record, there in groups.values()
    ]


def _data_sha256(role: str, record: Row | Original, results: Results) -> str:
    own = results.pretraining(record.weights)
    return results.data[role].sha256 if own is None or role != "base" else own.base.sha256


def _shown(content: bytes) -> dict[str, HeadDetections]:
    """Detections with scores high enough to draw: about one in a hundred, so that all models fit into memory."""
    shown = {}
    for head, found in load_detections(io.BytesIO(content)).items():
        rows = found.scores >= SCORE_THRESHOLD
        shown[head] = HeadDetections(
            found.image_index[rows], found.labels[rows], found.boxes_xyxy[rows], found.scores[rows], found.dropped
        )
    return shown


def _find(artifacts: Sequence[Artifact], record: Row | Original, results: Results, data_sha256: str) -> Artifact | None:
    """The artifact of a record on a data set."""
    versions = results.environment["packages"]
    for artifact in artifacts:
        inputs = artifact.inputs
        if (
            inputs["data_sha256"] == data_sha256
            and inputs["imgsz"] == record.imgsz
            and inputs["batch"] == record.batch
            and inputs["engine"] == record.engine
            and inputs["device"] == record.device
            and inputs["version"] == versions[PACKAGES[record.engine]]
            and _is_model(inputs["model"], record, results)
        ):
            return artifact
    return None


def _is_model(model: Any, record: Row | Original, results: Results) -> bool:
    """Whether detections belong to a record's model, by the hash of the deployed file or of a torch model's parts."""
    hashes = record.artifact
    if isinstance(model, str):
        return model == (hashes.plan_sha256 or hashes.onnx_sha256)
    if isinstance(record, Original):
        return bool(model["tuned_sha256"] is None and model["base_sha256"] == hashes.weights_sha256)
    own = results.pretraining(record.weights)
    base = None if record.graft_at is None else results.weights["sha256"] if own is None else own.sha256
    return bool(
        model["tuned_sha256"] == hashes.weights_sha256
        and model["graft_at"] == record.graft_at
        and model["base_sha256"] == base
    )
