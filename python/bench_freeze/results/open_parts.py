"""The open parts of documents: tables that may have further keys, and the types of those that readers use.

They are checked when a document is read, so that display code can rely on these types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from .quantities import Count, Device, Fraction, Number, Seconds

if TYPE_CHECKING:
    from .latency import Latencies
    from .profile import Profile
    from .schema import Results

Words = Annotated[list[str], Meta(min_length=1)]
Name = Annotated[str, Meta(min_length=1)]


class Study(Struct):
    """`study`: what was asked for."""

    freeze: list[Count] | None = None
    seeds: Annotated[list[Count], Meta(min_length=1)] | None = None
    epochs: Count = 0
    imgsz: Count = 0
    batch: Count = 0
    construction: Words | None = None
    engine: Words | None = None
    precision: Words | None = None
    device: Device = "cpu"
    weights: Name | Words | None = None


class Settings(Struct):
    """`settings`: what the numbers depend on."""

    protocol: str = ""
    score_threshold: Fraction = 0.0
    nms_iou_threshold: Fraction = 0.0
    max_detections: Count = 0


class Machine(Struct):
    """`environment`."""

    cpu: str | None = None
    cores: Count | None = None
    governor: str | None = None
    board: str | None = None
    gpus: list[str] | None = None


class Weights(Struct):
    """`weights`: the base checkpoint."""

    sha256: str | None = None
    classes: list[str] = []


class Model(Struct):
    """`model` of a profile."""

    file: Name
    sha256: str
    bytes: Count
    imgsz: Count
    heads: list[str] = []
    plan: Plan | None = None


class Plan(Struct):
    """`model.plan` of a profile: the plan that was built or found."""

    sha256: str
    why: str | None = None
    build_s: Seconds | None = None


class Engine(Struct):
    """`engine` of a profile."""

    name: str
    precision: str
    device: Device
    version: str | None = None
    threads: Count | None = None


class Clock(Struct):
    """A part of the chip."""

    cur_mhz: Number | None = None


class Power(Struct):
    """A module's power."""

    now_mw: Number


class Reading(Struct):
    """One source, once."""

    at_s: Number | None = None
    clocks_mhz: list[Number | None] | None = None
    sm_clock_mhz: Number | None = None
    memory_clock_mhz: Number | None = None
    devfreq: dict[str, Clock] | None = None
    power_w: Number | None = None
    module: Power | None = None
    energy_j: Number | None = None
    temperature_c: Number | None = None
    temperatures_c: dict[str, Number | None] | None = None
    load_average: list[Number] | None = None


class Span(Struct):
    """Readings before and after a scope."""

    before: dict[str, Reading] = {}
    after: dict[str, Reading] = {}


class Telemetry(Struct):
    """`telemetry` of latencies."""

    before: dict[str, Reading] = {}
    after: dict[str, Reading] = {}
    missing: dict[str, str] = {}
    notes: list[str] = []
    scopes: dict[str, Span] = {}


def check_results(results: Results) -> None:
    """Raise msgspec.ValidationError if an open part holds a value that no run writes."""
    _check(results.study, Study, "study")
    _check(results.settings, Settings, "settings")
    _check(results.environment, Machine, "environment")
    _check(results.weights, Weights, "weights")
    for number, original in enumerate(results.originals):
        _check_telemetry(original.latency, f"originals[{number}].latency")
    for number, row in enumerate(results.rows):
        _check_telemetry(row.latency, f"rows[{number}].latency")


def check_profile(profile: Profile) -> None:
    """The same of a profile."""
    _check(profile.model, Model, "model")
    _check(profile.engine, Engine, "engine")
    _check(profile.environment, Machine, "environment")
    _check_telemetry(profile.latency, "latency")


def _check_telemetry(latencies: Latencies | None, where: str) -> None:
    if latencies is not None and latencies.telemetry is not None:
        _check(latencies.telemetry, Telemetry, f"{where}.telemetry")


def _check(values: object, kind: type[Struct], where: str) -> None:
    try:
        msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(f"{error} in `$.{where}`") from None
