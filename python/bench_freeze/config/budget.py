"""The training budget of a study: a time, or a share of the time that all trainings would take in full."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from .training import TrainingOptions

_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_FORM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})\s*(%|[a-z]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Budget:
    """Either `seconds` of training or a `share` of the full grid; the other is None."""

    seconds: float | None = None
    share: float | None = None


def parse_budget(text: str) -> Budget:
    """A budget from "2h", "30m", "90s", "1d" or "40%". Raises InputError.

    >>> parse_budget("30m")
    Budget(seconds=1800.0, share=None)
    >>> parse_budget("40 %")
    Budget(seconds=None, share=0.4)
    """
    found = _FORM.fullmatch(text.strip())
    unit = "" if found is None else found[2].lower()
    if found is None or (unit != "%" and unit not in _SECONDS):
        raise InputError(
            f"budget = '{text[:100]}' is neither a time nor a share; give for example 2h, 30m, or 40% of the time that "
            "all trainings would take."
        )
    amount = float(found[1])
    if not amount or (unit == "%" and amount > 100):
        raise InputError(
            f"budget = '{text[:100]}' is out of range; give a time above 0, or a share above 0% up to 100%."
        )
    return Budget(share=amount / 100) if unit == "%" else Budget(seconds=amount * _SECONDS[unit])


def check_budget(options: TrainingOptions) -> None:
    """Raise InputError for an invalid budget, or one that contradicts another option."""
    if options.budget is None:
        return
    parse_budget(options.budget)
    if options.tuned and options.freeze is None:
        raise InputError("budget limits trainings, and tuned without freeze trains nothing; leave one of them out.")
    if options.patience:
        raise InputError(
            f"patience = {options.patience} and budget = {options.budget} both stop arms early, by different rules; "
            "leave one of them out."
        )
    if options.scratch_epochs is not None:
        raise InputError(
            f"scratch_epochs = {options.scratch_epochs} gives random weights a different schedule, and budget compares "
            "arms at equal epochs; leave one of them out."
        )
    if len(options.data_fractions) > 1:
        raise InputError(
            "budget lets arms race, and arms with fewer images would lose to the others; give a single data_fractions "
            "value, or leave budget out."
        )
