"""`bench-freeze baseline update`: a run becomes what later runs are checked against."""

from __future__ import annotations

import datetime
from pathlib import Path

import msgspec

from ..errors import InputError
from ..evaluate.match_file import save_matches
from ..files import write_whole
from ..results.schema import MatchFileFacts
from ..results.sealing import seal
from ..text.json_text import encoded
from ..user_files import MissingFile, check_target, writing
from .read import CheckedRun, read_side
from .snapshot import KIND, Reason, Snapshot, rounded


def update_baseline(results: Path, to: Path, reason: str, today: datetime.date) -> Snapshot:
    """Write `to` and its match file from a finished run; the reasons of earlier updates are kept.

    Raises InputError for a run that did not finish, a match file that is not there, or a `to` that is no baseline.
    """
    if not reason.strip():
        raise InputError("--reason is empty; say in a few words why the baseline changes, for whoever reads it later.")
    side = read_side(results)
    if not side.snapshot.finished:
        raise InputError(f"{results} is of a run that did not finish; the same command goes on where it stopped.")
    check_target(to, "--to")
    history = _history(to)
    entry = Reason(
        reason=reason.strip(),
        date=today.isoformat(),
        results_sha256=side.sha256,
        bench_freeze=side.snapshot.bench_freeze,
    )
    snapshot = msgspec.structs.replace(
        rounded(side.snapshot), kind=KIND, matches=_matches(side, to), history=[*history, entry]
    )
    with writing(to, "--to"):
        write_whole(to, seal(encoded(snapshot)))
    return snapshot


def _history(to: Path) -> list[Reason]:
    try:
        old = read_side(to)
    except MissingFile:
        return []
    if not old.snapshot.history:
        raise InputError(f"{to} is no baseline and would be overwritten; give another --to, or remove it.")
    return old.snapshot.history


def _matches(side: CheckedRun, to: Path) -> MatchFileFacts | None:
    """Write the entries that rows name beside the baseline, before the baseline that names the file."""
    if side.snapshot.matches is None:
        return None
    named = {head.matches for row in side.snapshot.rows for head in row.accuracy.values()}
    names = sorted(name for name in named if name is not None)
    found = side.evaluations
    if missing := [name for name in names if name not in found]:
        raise InputError(f"{side.path}: its match file has no entry {missing[0]}; take both from one run.")
    path = to.with_name(f"{to.stem}.matches.zip")
    with writing(path, "--to"):
        return MatchFileFacts(**save_matches(path, {name: found[name] for name in names}))
