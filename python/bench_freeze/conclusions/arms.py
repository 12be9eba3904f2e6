"""Rows by arm: everything of a row's identity but the seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..results.schema import Original, Results, Row

TRAINING = ("freeze", "recipe", "data_fraction", "weights")
DEPLOYMENT = ("engine", "precision", "imgsz", "batch", "device")


@dataclass(frozen=True)
class ArmRows:
    """The rows of one arm by seed, and the original model through the same engine."""

    name: str
    training: str  # its name without the construction: arms of one training have the same target head
    trained: tuple[Any, ...]  # what the training is
    deployment: tuple[Any, ...]
    identity: dict[str, Any]
    rows: dict[int, Row]
    original: Original

    @property
    def seeds(self) -> list[int]:
        return list(self.rows)

    @property
    def first(self) -> Row:
        return next(iter(self.rows.values()))

    @property
    def is_plain(self) -> bool:
        """Whether the base head is gone."""
        return self.first.graft_at is None

    @property
    def keeps_base_by_construction(self) -> bool:
        """Whether the base head reads frozen layers only, their BatchNorm statistics included."""
        row = self.first
        return row.graft_at is not None and row.graft_at <= row.freeze and row.train.frozen_bn == "eval"


def arms_of(results: Results) -> list[ArmRows]:
    """The arms in the order of their first rows. A row of an engine without an original has no arm."""
    fields = [name for name in (*TRAINING, "construction", *DEPLOYMENT) if _has(results.rows, name)]
    varying = [name for name in fields if len({_value(row, name) for row in results.rows}) > 1]
    found: dict[tuple[Any, ...], dict[int, Row]] = {}
    for row in results.rows:
        found.setdefault(tuple(_value(row, name) for name in fields), {})[row.seed] = row
    arms = []
    for rows in found.values():
        first = next(iter(rows.values()))
        original = _original_of(first, results.originals)
        if original is None:
            continue
        extras = [_value(first, name) for name in varying if name not in ("freeze", "construction")]
        arms.append(
            ArmRows(
                name=" ".join(map(str, [first.construction, first.freeze, *extras])),
                training=" ".join(map(str, ["freeze", first.freeze, *extras])),
                trained=tuple(_value(first, name) for name in TRAINING if name in fields),
                deployment=tuple(_value(first, name) for name in DEPLOYMENT),
                identity={name: _value(first, name) for name in fields},
                rows=dict(sorted(rows.items())),
                original=original,
            )
        )
    return arms


def trainings_of(arms: Sequence[ArmRows]) -> list[ArmRows]:
    """One arm for each training and deployment: the target head's results do not depend on the construction."""
    found: dict[str, ArmRows] = {}
    for arm in arms:
        found.setdefault(arm.training, arm)
    return list(found.values())


def _original_of(row: Row, originals: Sequence[Original]) -> Original | None:
    names = [name for name in ("weights", *DEPLOYMENT) if _has(originals, name)]
    return next((o for o in originals if all(_value(o, name) == _value(row, name) for name in names)), None)


def _has(items: Sequence[Any], name: str) -> bool:
    """Whether it says anything: a study of one checkpoint names none in its rows."""
    return any(_value(item, name) is not None for item in items)


def _value(item: Any, name: str) -> Any:
    return getattr(item, name)
