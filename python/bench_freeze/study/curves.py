"""The curves of a training in the form of the results, read from its artifact; older artifacts have losses, too."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from statistics import median

import msgspec

from ..artifact import Artifact
from ..finetune.arm import EPOCHS
from ..results.training_curves import HeldOutCurve, TrainingCurves

_LOSS, _RATE, _HIGHEST_RATE = "train/", "lr/", "lr"
_USUAL_GROUPS = 3  # weights, norms, biases: two of them always share a rate


def curves_of(tuned: Artifact) -> TrainingCurves | None:
    """The curves of one training; None for a model that was not trained (an interpolated arm)."""
    if EPOCHS not in tuned.files:
        return None
    rows = list(csv.DictReader(io.StringIO(tuned.read(EPOCHS).decode())))
    names = [name for name in (rows[0] if rows else ()) if name.startswith(_LOSS)]
    held_out = tuned.facts.get("held_out")
    return TrainingCurves(
        losses={name.removeprefix(_LOSS): [_number(row[name]) for row in rows] for name in names},
        learning_rate=[_rate(row) for row in rows],
        held_out=None if held_out is None else msgspec.convert(held_out, HeldOutCurve),
    )


def _rate(row: Mapping[str, str]) -> float | None:
    if row.get(_HIGHEST_RATE):
        return _number(row[_HIGHEST_RATE])
    rates: Sequence[float | None] = [_number(text) for name, text in row.items() if name.startswith(_RATE)]
    known = [rate for rate in rates if rate is not None]
    return median(known) if len(known) == len(rates) == _USUAL_GROUPS else None


def _number(text: str | None) -> float | None:
    value = float(text) if text else math.nan
    return value if math.isfinite(value) else None
