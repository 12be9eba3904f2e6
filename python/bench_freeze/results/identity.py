"""What a row is: the training that its model came from, how the model is put together, and what runs it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from .schema import Original, Row


@dataclass(frozen=True)
class RowKey:
    """The identity of a row, of an original model (which has no training), or of a profile (which knows of none).

    Two rows with equal keys are one thing measured twice. A part is None where it says nothing: `weights` in a study of
    one checkpoint, `seed` of an arm.
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
        """What the training is; its target head is the same under every construction."""
        return tuple(getattr(self, name) for name in TRAINING)

    @property
    def deployment(self) -> tuple[str | float | None, ...]:
        """What runs the model."""
        return tuple(getattr(self, name) for name in DEPLOYMENT)

    def without(self, *names: str) -> RowKey:
        """The key of all rows that differ in these parts only."""
        return replace(self, **dict.fromkeys(names))  # type: ignore[arg-type]  # a part that says nothing

    def parts(self) -> dict[str, Any]:
        """Every part by its name, those that say nothing too."""
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
