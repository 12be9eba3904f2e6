"""Pair the rows of two runs that measure the same thing, and exclude those that must not be compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..errors import InputError
from ..results.identity import RowKey, varying
from .read import CheckedRun
from .snapshot import RowSnapshot


@dataclass(frozen=True)
class RowPair:
    """One row of both runs."""

    reference: RowSnapshot
    current: RowSnapshot


@dataclass(frozen=True)
class Unpaired:
    """A row that cannot be compared, and the reason."""

    row: RowSnapshot
    sentence: str


@dataclass(frozen=True)
class Pairing:
    """The rows of two runs, paired."""

    pairs: tuple[RowPair, ...]
    unpaired: tuple[Unpaired, ...]


def pair_rows(
    baseline: CheckedRun,
    current: CheckedRun,
    needs_same_machine: Callable[[RowPair], bool],
    *,
    ignore_unmatched: bool = False,
) -> Pairing:
    """Pair rows by their key. If recorded latencies or energies are compared, both device classes must be equal.

    Raises InputError if the runs as a whole cannot be compared: different settings, or an unfinished run.
    """
    _check_runs(baseline, current)
    found = _by_key(current)
    wanted = _by_key(baseline)
    pairs, unpaired = [], []
    for key, reference in wanted.items():
        row = found.get(key)
        if row is None:
            if not ignore_unmatched:
                unpaired.append(
                    Unpaired(
                        reference, _not_there(reference, [r for k, r in found.items() if k not in wanted], current)
                    )
                )
        elif (why := _refusal(RowPair(reference, row), baseline, current, needs_same_machine)) is not None:
            unpaired.append(Unpaired(reference, why))
        else:
            pairs.append(RowPair(reference, row))
    if not ignore_unmatched:
        for key, row in found.items():
            if key not in wanted:
                why = f"{baseline.path.name} has no such row; `bench-freeze baseline update` adds it"
                unpaired.append(Unpaired(row, f"{why}, --ignore-unmatched leaves it out."))
    if not pairs and not unpaired:
        raise InputError(f"{current.path} and {baseline.path} have no row in common; was the right baseline given?")
    return Pairing(tuple(pairs), tuple(unpaired))


def _check_runs(baseline: CheckedRun, current: CheckedRun) -> None:
    a, b = baseline.snapshot, current.snapshot
    for side in (baseline, current):
        if not side.snapshot.finished:
            raise InputError(f"{side.path} comes from an unfinished run; finish it with the same command, then check.")
    if a.source != b.source:
        raise InputError(
            f"{current.path} was made from a {b.source}, {baseline.path} from a {a.source}: compare two of the same "
            f"kind."
        )
    for name in sorted({*a.settings, *b.settings}):
        if a.settings.get(name) != b.settings.get(name):
            raise InputError(
                f"the protocols differ: {name} is {_short(b.settings.get(name))} in {current.path}, "
                f"{_short(a.settings.get(name))} in {baseline.path}; measure both the same way."
            )


def _refusal(
    pair: RowPair, baseline: CheckedRun, current: CheckedRun, needs_same_machine: Callable[[RowPair], bool]
) -> str | None:
    reference, row = pair.reference, pair.current
    if reference.protocol != row.protocol:
        return f"it was scored by protocol {row.protocol}, the baseline by {reference.protocol}; score both alike."
    if reference.data_sha256 != row.data_sha256:
        return (
            f"the data are not the same (hash {_digits(row.data_sha256)}, in the baseline "
            f"{_digits(reference.data_sha256)}); use the baseline's data, or update the baseline."
        )
    then = baseline.snapshot.device_classes.get(reference.device)
    now = current.snapshot.device_classes.get(row.device)
    if then != now and needs_same_machine(pair):
        return (
            f"it was measured on another device class ({now}; baseline: {then}), so times cannot be compared; keep the "
            "baseline's models (`baseline update --with-models`), measure on its machine, or turn times off "
            "(--max-latency-increase off --max-energy-increase off)."
        )
    return None


def _not_there(wanted: RowSnapshot, rows: Iterable[RowSnapshot], current: CheckedRun) -> str:
    """Why a row of the baseline has no partner, with the field in which the nearest row differs."""
    nearest: list[str] | None = None
    for row in rows:
        differ = [
            f"{name} is {getattr(row.key, name)} there, {getattr(wanted.key, name)} in the baseline"
            for name in varying((row.key, wanted.key))
        ]
        if nearest is None or len(differ) < len(nearest):
            nearest = differ
    hint = f" (the nearest differs: {nearest[0]})" if nearest is not None and len(nearest) == 1 else ""
    return f"{current.path.name} has no such row{hint}; run the whole study, or --ignore-unmatched leaves it out."


def _by_key(side: CheckedRun) -> dict[RowKey, RowSnapshot]:
    rows: dict[RowKey, RowSnapshot] = {}
    for row in side.snapshot.rows:
        if row.key in rows:
            raise InputError(
                f"{side.path} has two rows of {row.title}: every row must be unique; write the file again."
            )
        rows[row.key] = row
    return rows


def _digits(value: str | None) -> str:
    return "none" if value is None else value[:12]


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
