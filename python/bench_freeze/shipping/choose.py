"""Chooses the row of a study to ship: the pick, or a row by its name in the report."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from ..data.classes import normalized
from ..errors import InputError
from ..report.assemble import view_of
from ..results.identity import key_of
from ..results.schema import Results, Row


@dataclass(frozen=True)
class Chosen:
    """A row with its name in the report. For an arm with several seeds, it is the row of the first seed."""

    name: str
    row: Row
    is_pick: bool
    seeds: int  # the arm's number of seeds if an arm was chosen, else 1


def picked_row(results: Results) -> Chosen | None:
    """The row of the pick; None for a study without a pick."""
    view = view_of({"study": results})
    rows = {row.id: row for row in view.rows}
    picked = next((rows[key] for key in view.picked if isinstance(rows[key].record, Row)), None)
    if picked is None or results.recommendation is None:
        return None
    assert isinstance(picked.record, Row)
    return Chosen(results.recommendation.pick or picked.name, picked.record, True, _seeds(picked.record, results))


def row_called(name: str, results: Results, where: str) -> Chosen:
    """Find a row by its name, ignoring case and blanks. Raises InputError that lists the known names."""
    view = view_of({"study": results})
    wanted = normalized(name)
    by_name = {normalized(row.name): row for row in view.rows}
    row = by_name.get(wanted)
    if row is None:
        known = [row.name for row in view.rows if row.kind != "original"]
        close = difflib.get_close_matches(wanted, map(normalized, known), n=1)
        hint = f"did you mean '{by_name[close[0]].name}'? " if close else ""
        raise InputError(f"--row {name[:100]}: {where} has no such row; {hint}It has {_listed(known)}.")
    if not isinstance(row.record, Row):
        raise InputError(
            f"--row {name[:100]} is the original model, your own checkpoint; bench-freeze export --weights writes it "
            "as ONNX."
        )
    seeds = _seeds(row.record, results) if row.kind == "mean" else 1
    return Chosen(row.name, row.record, row.id in view.picked, seeds)


def _seeds(row: Row, results: Results) -> int:
    """The number of trainings of the row's arm."""
    arm = key_of(row).without("seed")
    return sum(key_of(other).without("seed") == arm for other in results.rows)


def _listed(names: list[str]) -> str:
    shown = names[:12]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(f"'{name}'" for name in shown) + more
