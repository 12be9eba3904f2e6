"""The records that all trackers receive, as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..results.schema import Accuracy, Results, Row

Parameter = str | int | float | bool


@dataclass(frozen=True)
class Series:
    """One curve of a training: its values by epoch."""

    name: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class TrainingLog:
    """One training: its parameters and its curves."""

    name: str
    parameters: Mapping[str, Parameter]
    series: tuple[Series, ...]


@dataclass(frozen=True)
class RowLog:
    """One row of a study: its training, its name among the training's rows, and its numbers."""

    training: str
    name: str
    numbers: Mapping[str, float]


def parameters_of(results: Results) -> dict[str, Parameter]:
    """The study's options that were set; lists become text."""
    flat: dict[str, Parameter] = {}
    for name, value in results.study.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}.{key}": _plain(own) for key, own in value.items()})
        elif value is not None and value != []:
            flat[name] = _plain(value)
    return flat | {"bench_freeze": results.bench_freeze}


def training_name(row: Row) -> str:
    """A short description of a training."""
    recipe = "" if row.recipe == "static" else f" {row.recipe}"
    share = "" if row.data_fraction == 1 else f" on {row.data_fraction:g} of the images"
    whose = "" if row.weights is None else f"{row.weights} "
    return f"{whose}freeze {row.freeze} seed {row.seed}{recipe}{share}"


def training_of(row: Row) -> TrainingLog:
    """The training behind a row."""
    effective = {name: _plain(value) for name, value in row.train.effective.items() if value is not None}
    own: dict[str, Parameter] = {"freeze": row.freeze, "seed": row.seed}
    own |= {"recipe": row.recipe, "data_fraction": row.data_fraction}
    return TrainingLog(training_name(row), effective | own, tuple(_series(row)))


def row_of(row: Row) -> RowLog:
    """A row with its numbers: AP as fractions, seconds, bytes."""
    name = f"{row.construction} {row.engine} {row.precision}"
    return RowLog(training_name(row), name, dict(_numbers(row)))


def ratio_of(row: Row) -> RowLog:
    """The numbers of a row that are known only once all rows exist."""
    model = row.latency.model
    ratio = None if model is None else model.ratio_to_original
    numbers = {} if ratio is None else {"latency/ratio_to_original": ratio.value}
    return RowLog(training_name(row), row_of(row).name, numbers)


def picked_files(results: Results, folder: Path) -> list[Path]:
    """The deployed file of the recommended model's first seed; empty without a recommendation."""
    found = results.recommendation
    if found is None or not found.identity:
        return []
    wanted = {name: value for name, value in found.identity.items() if name != "seed"}
    rows = [row for row in results.rows if all(getattr(row, name, value) == value for name, value in wanted.items())]
    return [folder / row.artifact.file for row in rows[:1] if row.artifact.file is not None]


def _series(row: Row) -> Iterator[Series]:
    curves = row.train.curves
    if curves is None:
        return
    for name, values in curves.losses.items():
        yield _of(f"loss/{name.removesuffix('_loss')}", enumerate(values, 1))
    yield _of("learning_rate", enumerate(curves.learning_rate, 1))
    if curves.held_out is not None:
        for name in ("target_map", "target_map50", "base_map"):
            yield _of(f"held_out/{name}", ((point.epoch, getattr(point, name)) for point in curves.held_out.points))


def _of(name: str, points: Iterator[tuple[int, float | None]] | enumerate[float | None]) -> Series:
    return Series(name, tuple((epoch, value) for epoch, value in points if value is not None))


def _numbers(row: Row) -> Iterator[tuple[str, float]]:
    for data, accuracy in (("target", row.target), ("target_test", row.target_test), ("base", row.base)):
        yield from _accuracy(data, accuracy)
    if row.base_delta_map is not None:
        yield "base/change", row.base_delta_map
    for scope, latency in (("model", row.latency.model), ("pipeline", row.latency.pipeline)):
        if latency is not None and latency.p50_s is not None:
            yield f"latency/{scope}_p50_s", latency.p50_s
    yield "size_bytes", float(row.artifact.bytes)
    if row.train.seconds is not None:  # unknown for a given checkpoint
        yield "train_seconds", row.train.seconds


def _accuracy(data: str, accuracy: Accuracy | None) -> Iterator[tuple[str, float]]:
    for name in ("map", "map50"):
        value = None if accuracy is None else getattr(accuracy, name)
        if value is not None:
            yield f"{data}/{name}", value


def _plain(value: object) -> Parameter:
    if isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)
