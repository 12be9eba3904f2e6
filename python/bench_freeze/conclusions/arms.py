"""Group rows by arm: the identity of a row without its seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..results.identity import DEPLOYMENT, TRAINING, RowKey, key_of, varying
from ..results.schema import Original, Results, Row

# The parts that identify an arm, in the order of its name and of `identity` in the results.
_NAMED_BY = (*(name for name in TRAINING if name != "seed"), "construction", *DEPLOYMENT)


@dataclass(frozen=True)
class ArmRows:
    """The rows of one arm by seed, and the original model through the same engine."""

    name: str
    training: str  # the arm's name without the construction: arms of one training have the same target head
    key: RowKey  # the key of all its rows, except for the seed
    rows: dict[int, Row]
    original: Original

    @property
    def deployment(self) -> tuple[Any, ...]:
        """The engine, precision and batch that run its models."""
        return self.key.deployment

    @property
    def seeds(self) -> list[int]:
        return list(self.rows)

    @property
    def first(self) -> Row:
        return next(iter(self.rows.values()))

    @property
    def is_plain(self) -> bool:
        """Whether the arm has no base head."""
        return self.first.graft_at is None

    @property
    def keeps_base_by_construction(self) -> bool:
        """Whether the base head reads only frozen layers, including their BatchNorm statistics."""
        row = self.first
        return row.graft_at is not None and row.graft_at <= row.freeze and row.train.frozen_bn == "eval"


def arms_of(results: Results) -> list[ArmRows]:
    """The arms in the order of their first rows. A row of an engine without an original has no arm."""
    found: dict[RowKey, dict[int, Row]] = {}
    for row in results.rows:
        found.setdefault(key_of(row).without("seed"), {})[row.seed] = row
    extra = [name for name in varying(found, _NAMED_BY) if name not in ("freeze", "construction")]
    arms = []
    for key, rows in found.items():
        original = _original_of(key, results.originals)
        if original is None:
            continue
        extras = [getattr(key, name) for name in extra]
        arms.append(
            ArmRows(
                name=" ".join(map(str, [key.construction, key.freeze, *extras])),
                training=" ".join(map(str, ["freeze", key.freeze, *extras])),
                key=key,
                rows=dict(sorted(rows.items())),
                original=original,
            )
        )
    return arms


def identity_of(arm: ArmRows) -> dict[str, Any]:
    """The arm's identity in results: its parts by name, without those that are None."""
    return {name: value for name in _NAMED_BY if (value := getattr(arm.key, name)) is not None}


def trainings_of(arms: Sequence[ArmRows]) -> list[ArmRows]:
    """One arm per training and deployment: the target head's results do not depend on the construction."""
    found: dict[str, ArmRows] = {}
    for arm in arms:
        found.setdefault(arm.training, arm)
    return list(found.values())


def _original_of(key: RowKey, originals: Sequence[Original]) -> Original | None:
    own = key.weights, key.deployment
    return next((o for o in originals if (o.weights, key_of(o).deployment) == own), None)
