"""One limit: its notation, and the accepted values. A limit that could never fail is rejected."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from .metric import METRICS

MOST_SHARE = 10.0  # of the reference: a limit that allows elevenfold growth checks nothing
_WRITTEN = re.compile(r"((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*([a-zA-Zµ%]*)")


@dataclass(frozen=True)
class Limit:
    """How much worse a metric may get, in its own unit or as a share of the reference.

    `amount` is in seconds, bytes, joules or a fraction; `text` is as written.
    """

    amount: float
    is_share: bool
    text: str = ""

    def absolute(self, reference: float) -> float:
        """The limit in the metric's unit."""
        return self.amount * abs(reference) if self.is_share else self.amount

    def share(self, reference: float) -> float:
        """The limit as a share of the reference; infinite for a nonzero limit of a reference of 0."""
        return self.amount if self.is_share else self.amount / abs(reference) if reference else math.inf

    def __str__(self) -> str:
        return self.text or (f"{self.amount * 100:g}%" if self.is_share else f"{self.amount:g}")


@dataclass(frozen=True)
class Quantity:
    """A quantity that can be limited: its units, and the amount from which a limit could never fail.

    `units` are factors to the metric's unit; "" stands for a bare number. `most_share` bounds shares of the reference.
    """

    name: str
    units: Mapping[str, float]
    below: float
    examples: str
    never: str
    most_share: float = MOST_SHARE


_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_BYTES = {"": 1.0, "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9}
_JOULES = {"J": 1.0, "mJ": 1e-3}
DURATION = Quantity("a duration", _SECONDS, 60.0, "2ms, or 5% of the reference", "no call becomes a minute slower")
SIZE = Quantity("a file size", _BYTES, 1e11, "100kB, or 1% of the reference", "no file grows by 100 GB")
ENERGY = Quantity("an energy", _JOULES, 1e4, "50mJ, or 5% of the reference", "no call takes 10 kJ more")
FALL = Quantity(
    "a fall of a fraction",
    {"": 1.0},
    1.0,
    "0.005, or 1% of the reference",
    "it is a fraction of 1, which cannot fall by as much",
    most_share=1.0,
)
RISE = Quantity(
    "a rise of a fraction",
    {"": 1.0},
    1.0,
    "0.02, or 10% of the reference",
    "it is a fraction of 1, which cannot rise by as much",
)


def quantity_of(metric: str) -> Quantity:
    """The quantity of a metric of the rules."""
    known = METRICS[metric]
    named = {"latency": DURATION, "size": SIZE, "energy": ENERGY}
    return named.get(known.subject, RISE if known.kind == "calibration" else FALL)


def parse_limit(value: Any, where: str, metric: str) -> Limit | None:
    """Parse a limit: "0.005" or "2ms" in the metric's unit, "5%" of the reference, or "off" (None).

    A number without a unit is only valid if the metric has none; a size may be a whole number of bytes, and 0 needs no
    unit. Raises InputError for anything else, for a negative value, and for a limit that the metric could never exceed.
    """
    text, quantity = str(value).strip(), quantity_of(metric)
    if text.lower() == "off":
        return None
    written = None if isinstance(value, bool) else _WRITTEN.fullmatch(text)
    if written is None or not 0 <= float(written[1]) < math.inf:
        raise InputError(f'{where} = {value}: give {quantity.examples}, from 0 on, or "off".')
    number, unit = float(written[1]), written[2]
    if unit == "%":
        return _share(number / 100, f"{where} = {value}", quantity)
    is_bare_part = unit == "" and quantity is SIZE and not number.is_integer()
    if number != 0 and (is_bare_part or unit not in quantity.units):
        said = f"has no unit {unit}" if unit else "needs a unit"
        raise InputError(f"{where} = {value}: {quantity.name} {said}; give {quantity.examples}.")
    if unit and unit not in quantity.units:
        raise InputError(f"{where} = {value}: {quantity.name} has no unit {unit}; give {quantity.examples}.")
    amount = number * quantity.units.get(unit, 1.0)
    if amount >= quantity.below:
        raise InputError(f'{where} = {value} can never fail: {quantity.never}; give {quantity.examples}, or "off".')
    return Limit(amount, False, f"{number:g}{unit}")


def _share(share: float, written: str, quantity: Quantity) -> Limit:
    if share >= quantity.most_share:
        raise InputError(
            f"{written} would never fail in practice; give a share below {quantity.most_share * 100:g}% "
            f'({quantity.examples}), or "off".'
        )
    return Limit(share, True)
