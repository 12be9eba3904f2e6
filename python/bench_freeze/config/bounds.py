"""Upper bounds of a study's values, beyond anything that a machine could hold or a run could finish."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import InputError

LONGEST_TEXT = 4096  # characters, as for paths on Linux
MOST_VALUES = 10_000  # in a list
MAX_IMGSZ = 15_808  # the largest multiple of 32 whose square one batch may have, as in engines/model_card.py
_LARGEST: dict[str, float] = {
    "imgsz": MAX_IMGSZ, "batch": 65_536, "train_batch": 65_536, "dynamic_batch": 65_536, "epochs": 1_000_000,
    "scratch_epochs": 1_000_000,    "recover": 1_000_000, "val_every": 1_000_000,
    "patience": 1_000_000, "opset": 1_000, "builds": 1_000, "workers": 1_024, "workers_per_node": 1_024,
    "max_detections": 1_000_000, "latency_samples": 10_000_000, "latency_seconds": 1_000_000, "resamples": 1_000_000,
    "lr_search": 1_000, "seeds": 2**32 - 1, "freeze": 10_000, "match_capacity": 10_000, "gpus_per_arm": 1_024,
    "max_latency_ms": 1e9, "lr0": 1e6, "distill_weight": 1e9,
}  # fmt: skip


def check_bounds(values: Mapping[str, Any]) -> None:
    """Raise InputError for the first option whose number, text or list is absurdly large, or that is NaN.

    `values` are all options by name.
    """
    for name, value in values.items():
        items = list(value) if isinstance(value, tuple) else [value]
        if len(items) > MOST_VALUES:
            raise InputError(f"{name} has {len(items)} values, the limit is {MOST_VALUES}; leave some out.")
        for item in items:
            _check(name, item, _LARGEST.get(name, 1e15))
    if values["out"] == "":
        raise InputError("out is empty; name a folder, or leave it out for the default.")
    for name, item in values["train_args"].items():
        _check_argument(name, item)


def _check(name: str, value: object, largest: float) -> None:
    if isinstance(value, str):
        _check_text(name, value)
    elif isinstance(value, float) and math.isnan(value):
        raise InputError(f"{name} is not a number (nan); give one.")
    elif isinstance(value, int | float) and abs(value) > largest:
        raise InputError(f"{name} is larger than {largest:.16g}, the limit; give a smaller number.")


def _check_argument(name: str, value: object) -> None:
    """Check a training argument: Ultralytics takes words, numbers, and lists and tables of those."""
    _check_text("train_args", name)
    for item in _flat(value):
        _check(f"train_args: {name}", item, 1e15)


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _flat(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    elif value is None or isinstance(value, str | int | float):
        yield value
    else:
        raise InputError(f"train_args has a {type(value).__name__}; give numbers, words, lists and tables of them.")


def _check_text(name: str, text: str) -> None:
    if "\0" in text:
        raise InputError(f"{name} has a null byte, which names and paths cannot contain; remove it.")
    if len(text) > LONGEST_TEXT:
        raise InputError(f"{name} has {len(text)} characters, the limit is {LONGEST_TEXT}; shorten it.")
