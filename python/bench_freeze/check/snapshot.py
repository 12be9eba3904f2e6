"""The checked part of a run, whether from results.json, a profile or a baseline.

A baseline is this value as json: rows with their samples, and the name and hash of the match file beside it.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ..results.identity import PARTS, RowKey, key_of
from ..results.profile import Profile
from ..results.recipe import STATIC
from ..results.schema import Accuracy, Latency, MatchFileFacts, Original, Results, Row
from ..results.sealing import SEAL_MEANING

KIND = "bench-freeze baseline"
VERSION = 1
PROFILE = "profile"  # the construction of its row
SAMPLE_DIGITS = 5  # significant: a microsecond of a tenth of a second


class Sampled(Struct, frozen=True, kw_only=True):
    """The latency of one scope: raw samples in order, and the run's own verdict on them."""

    samples_s: list[float]
    verdict: str | None = None
    reasons: list[str] = []


class HeadAccuracy(Struct, frozen=True, kw_only=True):
    """One head on its data set; everything else is read from the match file."""

    map: float | None
    map50: float | None
    matches: str | None
    data_sha256: Annotated[str | None, Meta(description="of a profile, whose heads have sets of their own")] = None


class RowSnapshot(Struct, frozen=True, kw_only=True):
    """One row; freeze and seed are null for an original model and a profile."""

    freeze: int | None
    seed: int | None
    recipe: str | None
    data_fraction: float | None
    weights: str | None
    engine: str
    precision: str
    construction: str
    imgsz: int
    batch: int
    device: str
    protocol: str | None
    data_sha256: str | None
    size_bytes: int
    artifact_sha256: str
    accuracy: dict[str, HeadAccuracy]
    latency: dict[str, Sampled]
    energy_j: Annotated[list[float], Meta(description="joules per call, one per window")] = []

    @property
    def key(self) -> RowKey:
        """The key that finds the row in the other run."""
        return RowKey(**{name: getattr(self, name) for name in PARTS})

    @property
    def title(self) -> str:
        """The row in words, without parts that have their usual values."""
        parts = [] if self.freeze is None else [f"freeze {self.freeze}"]
        parts.append(self.construction)
        if self.seed:
            parts.append(f"seed {self.seed}")
        if self.recipe not in (None, STATIC.name):
            parts.append(str(self.recipe))
        if self.data_fraction not in (None, 1.0):
            parts.append(f"{self.data_fraction:g} of the data")
        if self.weights is not None:
            parts.append(self.weights)
        parts.append(f"{self.engine} {self.precision}")
        if self.batch != 1:
            parts.append(f"batch {self.batch}")
        return " ".join(parts)


class Reason(Struct, frozen=True, kw_only=True):
    """The reason of a baseline update."""

    reason: str
    date: str
    results_sha256: str
    bench_freeze: str


class RowLevels(Struct, frozen=True, kw_only=True):
    """Levels of one row in one run of a baseline: medians of its VALID scopes in seconds, mean energy in joules."""

    key: dict[str, Any]
    levels: dict[str, float]


class BaselineRun(Struct, frozen=True, kw_only=True):
    """One run of a baseline, to estimate the variation between runs."""

    date: str
    results_sha256: str
    bench_freeze: str
    rows: list[RowLevels]


class Snapshot(Struct, frozen=True, kw_only=True):
    """One run, as used by the check."""

    kind: str = KIND
    schema_version: int = VERSION
    source: Annotated[str, Meta(description="source: results or profile")]
    about: str
    bench_freeze: str
    finished: bool
    device_classes: Annotated[dict[str, str], Meta(description="by device: what latency depends on")]
    settings: dict[str, Any]
    matches: MatchFileFacts | None
    rows: list[RowSnapshot]
    history: list[Reason] = []
    packages: Annotated[dict[str, str | None], Meta(description="versions of what ran it")] = {}
    models: Annotated[list[str], Meta(description="hashes of the models kept beside the baseline")] = []
    runs: Annotated[list[BaselineRun], Meta(description="its own run, and those that `baseline add` added")] = []
    recorded_at: Annotated[str | None, Meta(description="ISO 8601; null in older files")] = None
    commit: Annotated[str | None, Meta(description="commit of the CI job that made it")] = None
    sha256: Annotated[str | None, Meta(description=SEAL_MEANING)] = None


def snapshot_of_results(results: Results) -> Snapshot:
    """The part of a study's results that is checked."""
    rows = [_of_original(original, results) for original in results.originals]
    rows += [_of_row(row) for row in results.rows]
    return Snapshot(
        source="results",
        about=results.about,
        bench_freeze=results.bench_freeze,
        finished=results.finished,
        device_classes={row.device: device_class(row.device, results.environment) for row in rows},
        settings=results.settings,
        **_origin(results.environment),
        matches=results.matches,
        rows=rows,
        packages=dict(results.environment.get("packages") or {}),
    )


def snapshot_of_profile(profile: Profile) -> Snapshot:
    """The part of a profile that is checked: one row, with the requested accuracy."""
    device = str(profile.engine.get("device", "cpu"))
    latency = profile.latency
    scopes = {} if latency is None else {"model": latency.model, "pipeline": latency.pipeline}
    row = RowSnapshot(
        **dict.fromkeys(("freeze", "seed", "recipe", "data_fraction", "weights", "protocol", "data_sha256")),
        engine=str(profile.engine["name"]),
        precision=str(profile.engine["precision"]),
        construction=PROFILE,
        imgsz=int(profile.model["imgsz"]),
        batch=profile.batch,
        device=device,
        size_bytes=int(profile.model["bytes"]),
        artifact_sha256=str(profile.model["sha256"]),
        accuracy={
            scored.role: HeadAccuracy(
                map=scored.alone.map,
                map50=scored.alone.map50,
                matches=scored.alone.matches,
                data_sha256=scored.data_sha256,
            )
            for scored in profile.accuracy
            if scored.alone.map is not None
        },
        latency={scope: _sampled(found) for scope, found in scopes.items() if found is not None},
        energy_j=[] if profile.energy is None else list(profile.energy.windows_j),
    )
    threads = profile.engine.get("threads")
    return Snapshot(
        source="profile",
        about=f"profile of {profile.model['file']}",
        bench_freeze=profile.bench_freeze,
        finished=profile.finished,
        device_classes={device: device_class(device, profile.environment)},
        **_origin(profile.environment),
        settings={"selection": profile.settings.get("selection"), "threads": threads, "images": profile.images},
        matches=profile.matches,
        rows=[row],
        packages=dict(profile.environment.get("packages") or {}),
    )


def _origin(environment: dict[str, Any]) -> dict[str, Any]:
    """Time and commit of a run, if recorded."""
    said = {name: environment.get(name) for name in ("recorded_at", "commit")}
    return {name: value if isinstance(value, str) else None for name, value in said.items()}


def device_class(device: str, environment: dict[str, Any]) -> str:
    """What latency on a device depends on: the board, the GPU's model, or the processor and its cores."""
    if environment.get("board"):
        return str(environment["board"])
    if device.startswith("cuda"):
        gpus, number = environment.get("gpus") or [], int(device.partition(":")[2] or 0)
        return str(gpus[number]) if number < len(gpus) else "an unknown GPU"
    return f"{environment.get('cpu')}, {environment.get('cores')} cores"


def _of_original(original: Original, results: Results) -> RowSnapshot:
    own = results.pretraining(original.weights)
    base = results.data.get("base") if own is None else own.base
    return RowSnapshot(
        **key_of(original).parts(),
        protocol=str(results.settings.get("protocol")),
        data_sha256=None if base is None else base.sha256,
        accuracy=_heads(base=original.base),
        **_common(original),
    )


def _of_row(row: Row) -> RowSnapshot:
    return RowSnapshot(
        **key_of(row).parts(),
        protocol=row.protocol,
        data_sha256=row.data_sha256,
        accuracy=_heads(target=row.target, base=row.base),
        **_common(row),
    )


def _common(row: Row | Original) -> dict[str, Any]:
    scopes = {"model": row.latency.model, "pipeline": row.latency.pipeline}
    hashes = row.artifact
    return {
        "size_bytes": hashes.bytes,
        "artifact_sha256": hashes.plan_sha256 or hashes.onnx_sha256 or hashes.weights_sha256,
        "latency": {scope: _sampled(latency) for scope, latency in scopes.items() if latency is not None},
    }


def _heads(**scored: Accuracy) -> dict[str, HeadAccuracy]:
    """Heads with something to measure, which excludes heads that share no class with their data set."""
    return {
        head: HeadAccuracy(map=found.map, map50=found.map50, matches=found.matches)
        for head, found in scored.items()
        if found.map is not None
    }


def _sampled(latency: Latency) -> Sampled:
    return Sampled(samples_s=latency.samples_s, verdict=latency.verdict, reasons=latency.reasons)


def rounded(snapshot: Snapshot) -> Snapshot:
    """Samples rounded to SAMPLE_DIGITS significant digits, within the resolution of the clock, at half the size."""

    def scope(sampled: Sampled) -> Sampled:
        return msgspec.structs.replace(sampled, samples_s=[float(f"{s:.{SAMPLE_DIGITS}g}") for s in sampled.samples_s])

    rows = [
        msgspec.structs.replace(row, latency={name: scope(sampled) for name, sampled in row.latency.items()})
        for row in snapshot.rows
    ]
    return msgspec.structs.replace(snapshot, rows=rows)
