"""The checked metrics and their limits, for all rows or some, from flags and a TOML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..results.identity import PARTS
from ..text.suggest import hint
from ..user_files import parse_toml, read_text
from .limit import Limit as Limit
from .limit import parse_limit
from .metric import METRICS
from .snapshot import RowSnapshot

# A flag sets several metrics; `--max-map-drop` both heads' mAP.
FLAGS: dict[str, tuple[tuple[str, ...], str | None, str]] = {
    "max_map_drop": (("target_map", "base_map"), "0.005", "fall of each head's mAP"),
    "max_f1_drop": (("target_f1", "base_f1"), "0.02", "fall of each head's F1 at score 0.25 and IoU 0.5"),
    "max_calibration_increase": (
        ("target_calibration", "base_calibration"),
        "0.02",
        "rise of each head's calibration error (score against precision, from score 0.25)",
    ),
    "max_class_drop": (("target_class", "base_class"), None, "fall of any class's AP, of classes with 10 boxes"),
    "max_latency_increase": (("latency_model", "latency_pipeline"), "5%", "rise of the median latency of both scopes"),
    "max_size_increase": (("size",), "1%", "growth of the deployed file"),
    "max_energy_increase": (("energy",), "5%", "rise of the energy per call, if both runs measured it"),
}


@dataclass(frozen=True)
class CheckRules:
    """Limits by metric. Later entries of `special` override earlier ones and `common`; None: not checked."""

    common: Mapping[str, Limit | None]
    special: tuple[tuple[Mapping[str, Any], Mapping[str, Limit | None]], ...] = ()
    asked: frozenset[str] = frozenset()  # metrics that the user named, which must be present
    named: frozenset[str] = frozenset()  # of these, the ones that were named singly, not by a flag for several

    def of(self, row: RowSnapshot) -> dict[str, Limit]:
        """The metrics to check for a row, in the order of METRICS."""
        limits = dict(self.common)
        for changed in self._special_of(row):
            limits.update(changed)
        return {metric: limit for metric in METRICS if (limit := limits.get(metric)) is not None}

    def is_asked(self, metric: str, row: RowSnapshot) -> bool:
        """Whether the user set a limit of this metric that applies to a row."""
        return metric in self.asked or self._is_special(metric, row)

    def is_named(self, metric: str, row: RowSnapshot) -> bool:
        """As `is_asked`, but only if the user named this metric alone."""
        return metric in self.named or self._is_special(metric, row)

    def _is_special(self, metric: str, row: RowSnapshot) -> bool:
        return any(changed.get(metric) is not None for changed in self._special_of(row))

    def _special_of(self, row: RowSnapshot) -> list[Mapping[str, Limit | None]]:
        return [
            changed
            for where, changed in self.special
            if all(getattr(row, name) == value for name, value in where.items())
        ]

    def names(self, metric: str) -> bool:
        """Whether a metric may be checked for any row."""
        return any(limits.get(metric) is not None for limits in (self.common, *(s for _, s in self.special)))


def make_rules(flags: Mapping[str, str | None], file: Path | None) -> CheckRules:
    """Rules from the given flags (by FLAGS' names) and a TOML file; a flag overrides the file for all rows.

    Raises InputError for an unknown key, metric or value, with the nearest known one.
    """
    common: dict[str, Limit | None] = {}
    for metrics, default, _ in FLAGS.values():
        limit = None if default is None else parse_limit(default, "the defaults", metrics[0])
        common |= dict.fromkeys(metrics, limit)
    asked: set[str] = set()
    named: set[str] = set()
    special: list[tuple[Mapping[str, Any], Mapping[str, Limit | None]]] = []
    if file is not None:
        values = _read_toml(file)
        _known(values, ("limits", "rows"), "key", str(file))
        limits = _limits(_table(values.get("limits", {}), f"{file}: limits"), f"{file}: limits")
        common |= limits
        named = {metric for metric, limit in limits.items() if limit is not None}
        asked |= named
        rows = values.get("rows", [])
        if not isinstance(rows, list):
            raise InputError(f"{file}: rows is not a list; write [[rows]] above each rule.")
        special = [_special(row, f"{file}: rule {number}") for number, row in enumerate(rows, start=1)]
    given = {name: text for name, text in flags.items() if text is not None}
    for name, text in given.items():
        metrics = FLAGS[name][0]  # all of one kind
        limit = parse_limit(text, f"--{name.replace('_', '-')}", metrics[0])
        common |= dict.fromkeys(metrics, limit)
        asked = asked | set(metrics) if limit is not None else asked - set(metrics)
        named -= set(metrics) if len(metrics) > 1 else set()
        special = [(where, {m: v for m, v in limits.items() if m not in metrics}) for where, limits in special]
    return CheckRules(common, tuple(special), frozenset(asked), frozenset(named))


def _special(row: Any, where: str) -> tuple[Mapping[str, Any], Mapping[str, Limit | None]]:
    row = _table(row, where)
    _known(row, ("where", "limits"), "key", where)
    for key in ("where", "limits"):
        if not row.get(key):
            raise InputError(
                f"{where} has no {key}; a rule says which rows ({'where'}) and how far they may go (limits)."
            )
    picked = _table(row["where"], f"{where}: where")
    _known(picked, PARTS, "field of a row", f"{where}: where")
    return picked, _limits(_table(row["limits"], f"{where}: limits"), f"{where}: limits")


def _limits(values: Mapping[str, Any], where: str) -> dict[str, Limit | None]:
    _known(values, tuple(METRICS), "metric", where)
    return {metric: parse_limit(value, f"{where}: {metric}", metric) for metric, value in values.items()}


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where} is not a table; see examples/check.toml.")
    return value


def _known(values: Iterable[str], known: tuple[str, ...], what: str, where: str) -> None:
    for name in values:
        if name not in known:
            raise InputError(f"{where}: '{name}' is not a {what}; {hint(name, known)}")


def _read_toml(path: Path) -> dict[str, Any]:
    text = read_text(path, "file of rules", "give the path of a TOML file")
    return parse_toml(text, path, "see examples/check.toml")
