"""The identity of a row: the training of its model, how the model is built, and what runs it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from .schema import Original, Row


@dataclass(frozen=True)
class RowKey:
    """The identity of a row, of an original model (without training), or of a profile (training unknown).

    Two rows with equal keys are the same thing measured twice. A part is None if it does not apply: `weights` in a
    study of one checkpoint, `seed` of an arm.
    """

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

    @property
    def training(self) -> tuple[str | float | None, ...]:
        """The parts that identify the training, whose target head is the same under every construction."""
        return tuple(getattr(self, name) for name in TRAINING)

    @property
    def deployment(self) -> tuple[str | float | None, ...]:
        """The parts that identify what runs the model."""
        return tuple(getattr(self, name) for name in DEPLOYMENT)

    def without(self, *names: str) -> RowKey:
        """The common key of all rows that differ only in these parts."""
        return replace(self, **dict.fromkeys(names))  # type: ignore[arg-type]  # a part that says nothing

    def parts(self) -> dict[str, Any]:
        """All parts by name, including those that are None."""
        return asdict(self)


PARTS = tuple(field.name for field in fields(RowKey))
TRAINING = ("freeze", "seed", "recipe", "data_fraction", "weights")
DEPLOYMENT = ("engine", "precision", "imgsz", "batch", "device")


def key_of(record: Row | Original) -> RowKey:
    """The identity of a record of results.json."""
    shared = {name: getattr(record, name) for name in ("weights", *DEPLOYMENT)}
    if isinstance(record, Original):
        return RowKey(freeze=None, seed=None, recipe=None, data_fraction=None, construction="original", **shared)
    return RowKey(
        freeze=record.freeze,
        seed=record.seed,
        recipe=record.recipe,
        data_fraction=record.data_fraction,
        construction=record.construction,
        **shared,
    )


def varying(keys: Iterable[RowKey], among: Collection[str] = PARTS) -> list[str]:
    """The parts in which some keys differ, in the order of `among`."""
    every = list(keys)
    return [name for name in among if len({getattr(key, name) for key in every}) > 1]
