"""The schema of a profile: one artifact measured on one machine. Times seconds, sizes bytes, energy joules.

A part that was not requested, or that this machine cannot measure, is null; `missing` says why.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ..text.json_text import encoded
from .open_parts import check_profile
from .quantities import Count, Fraction, Number, Seconds
from .schema import Accuracy, Latencies, Latency, MatchFileFacts
from .sealing import SEAL_MEANING

PROFILE_VERSION = 1


class PacedLatency(Struct, frozen=True, kw_only=True):
    """The engine called at a fixed rate; in `missed` of `periods` the previous call was still running."""

    rate_hz: Number
    periods: Count
    missed: Count
    latency: Latency


class StreamsLatency(Struct, frozen=True, kw_only=True):
    """Several streams on a shared engine, or on one each. `latency` is from a frame's arrival to its result."""

    streams: Count
    engines: Count
    threads: Annotated[Count | None, Meta(description="threads per engine; null: the engine's own choice")]
    rate_hz: Annotated[
        Number | None, Meta(description="frame rate of each stream; null: the next frame arrives with the result")
    ]
    frames: Annotated[Count, Meta(description="frames that arrived, over all streams")]
    dropped: Annotated[
        Count, Meta(description="frames replaced by a newer one of their stream before the engine was free")
    ]
    late: Annotated[Count | None, Meta(description="results that took longer than a period; null without a rate")]
    images_per_s: Number
    latency: Latency


class ColdStart(Struct, frozen=True, kw_only=True):
    """Loading the artifact and its first two calls, once per repetition, in one process."""

    load_s: list[Seconds]
    first_call_s: list[Seconds]
    second_call_s: list[Seconds]


class BatchThroughput(Struct, frozen=True, kw_only=True):
    """The engine at one batch size, back to back."""

    batch: Count
    images_per_s: Number | None
    latency: Latency
    overlapped_images_per_s: Annotated[
        Number | None,
        Meta(description="with copies overlapped with compute; null if the engine cannot do so"),
    ] = None


class LargestBatch(Struct, frozen=True, kw_only=True):
    """The largest batch that fits, 0 if none does, and how the next larger one failed."""

    batch: Count
    limit: Count
    limited_by: str


class EnergyFigures(Struct, frozen=True, kw_only=True):
    """Energy per call of the engine; see measure/telemetry/energy.py."""

    joules_per_call: Number
    joules_per_call_above_idle: Number
    idle_watts: Number
    window_s: Seconds
    calls: Count
    windows_j: list[Number]
    method: str


class PowerModeFigures(Struct, frozen=True, kw_only=True):
    """A power mode of a board with locked clocks: back-to-back latency of the engine, and energy per call."""

    name: str
    number: Count | None
    latency: Latency | None = None
    energy: EnergyFigures | None = None
    before: Annotated[dict[str, Any], Meta(description="clocks, rails and temperatures before the first call")] = {}
    after: Annotated[dict[str, Any], Meta(description="the same after the last")] = {}
    missing: Annotated[str | None, Meta(description="why the board rejected this mode")] = None
    on_front: Annotated[
        bool | None, Meta(description="no other mode has both a lower median and less energy; null if unknown")
    ] = None


class PairedRatio(Struct, frozen=True, kw_only=True):
    """Ratio of the other model's time to this one's, from rounds of two calls each; bounds are null below six
    rounds."""

    other: str
    other_sha256: str
    rounds: Count
    ratio: Number
    low: Number | None
    high: Number | None
    confidence: Fraction
    a_s: list[Seconds]
    b_s: list[Seconds]


class SetAccuracy(Struct, frozen=True, kw_only=True):
    """One head on a data set; `merged` is scored under the detection limit that both heads share."""

    role: Annotated[str, Meta(description="target or base")]
    head: str
    data: str
    data_sha256: str
    images: Count
    alone: Accuracy
    merged: Accuracy | None
    left_out_classes: list[str] = []
    left_out_categories: list[str] = []


class Profile(Struct, kw_only=True):
    """One artifact on one machine. Written after every part; `finished` says whether it is complete."""

    schema_version: int = PROFILE_VERSION
    bench_freeze: str
    command: str
    finished: bool
    failure: Annotated[str | None, Meta(description="why the measurement broke off")] = None
    model: dict[str, Any]
    engine: dict[str, Any]
    batch: Count
    images: Annotated[str, Meta(description="which images the engine ran on")]
    settings: dict[str, Any]
    environment: dict[str, Any]
    latency: Latencies | None = None
    partial: Annotated[Latency | None, Meta(description="samples of the scope that was interrupted")] = None
    paced: PacedLatency | None = None
    streams: list[StreamsLatency] = []
    cold: ColdStart | None = None
    throughput: list[BatchThroughput] = []
    largest_batch: LargestBatch | None = None
    energy: EnergyFigures | None = None
    power_modes: list[PowerModeFigures] = []
    versus: PairedRatio | None = None
    accuracy: list[SetAccuracy] = []
    matches: Annotated[
        MatchFileFacts | None, Meta(description="file beside the profile with the match data of its accuracy")
    ] = None
    missing: dict[str, str] = {}
    sha256: Annotated[str | None, Meta(description=SEAL_MEANING)] = None


def encode_profile(profile: Profile) -> bytes:
    """The file, indented, with a final newline."""
    return msgspec.json.format(encoded(profile), indent=1) + b"\n"


def decode_profile(content: bytes) -> Profile:
    """The inverse; raises msgspec.ValidationError or DecodeError."""
    profile = msgspec.json.decode(content, type=Profile)
    check_profile(profile)
    return profile
