"""`bench-freeze baseline`: make a run the baseline of later checks, and add runs to estimate the variation between
runs."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..errors import InputError
from ..evaluate.match_file import save_matches
from ..files import write_whole
from ..results.schema import MatchFileFacts
from ..results.sealing import seal
from ..text.json_text import encoded
from ..user_files import MissingFile, check_target, writing
from .models import keep_models, remove_models
from .own_verdict import not_valid
from .pairing import pair_rows
from .read import CheckedRun, read_side
from .run_levels import run_of
from .snapshot import KIND, Reason, Snapshot, rounded


@dataclass(frozen=True)
class Kept:
    """A written baseline, and the scopes that are not VALID: "freeze 15 branched ort fp32 (pipeline)"."""

    snapshot: Snapshot
    not_valid: tuple[str, ...]


def update_baseline(
    results: Path,
    to: Path,
    reason: str,
    today: datetime.date,
    *,
    with_models: bool = False,
    models: Sequence[Path] = (),
) -> Kept:
    """Write `to` and its match file from a finished run; the reasons of earlier updates are kept.

    `with_models` copies the run's models beside it, from its artifacts or the folders `models`. Latencies that are not
    VALID are kept and marked; no later run is compared with them. Raises InputError for an unfinished run, a missing
    match file or model, or an existing `to` that is not a baseline.
    """
    if not reason.strip():
        raise InputError("--reason is empty; say in a few words why the baseline changes.")
    side = _finished(results)
    check_target(to, "--to")
    history = _history(to)
    entry = Reason(
        reason=reason.strip(),
        date=today.isoformat(),
        results_sha256=side.sha256,
        bench_freeze=side.snapshot.bench_freeze,
    )
    kept_models = keep_models(side, to, models) if with_models else []
    snapshot = msgspec.structs.replace(
        rounded(side.snapshot),
        kind=KIND,
        matches=_matches(side, to),
        history=[*history, entry],
        models=kept_models,
        runs=[run_of(side.snapshot, side.sha256, today.isoformat())],
    )
    _write(snapshot, to)
    if not with_models:
        remove_models(to)
    return Kept(snapshot, _not_valid(side))


def add_run(results: Path, to: Path, today: datetime.date) -> Kept:
    """Add a finished run of the same rows to a baseline, to estimate the variation between runs.

    Accuracy, size and models stay those of the last update. Latencies that are not VALID are left out. Raises
    InputError for a run with other rows or another device class, or one that the baseline already has.
    """
    side, baseline = _finished(results), read_side(to)
    if not baseline.snapshot.history:
        raise InputError(f"{to} is not a baseline; make one with `bench-freeze baseline update`.")
    if side.sha256 in {run.results_sha256 for run in baseline.snapshot.runs}:
        raise InputError(f"{results} is already in {to}; add another run.")
    pairing = pair_rows(baseline, side, lambda pair: True)
    if pairing.unpaired:
        raise InputError(f"{results}: {pairing.unpaired[0].row.title}: {pairing.unpaired[0].sentence}")
    run = run_of(side.snapshot, side.sha256, today.isoformat())
    if not any(row.levels for row in run.rows):
        raise InputError(f"{results} has no VALID latency and no energy, so it cannot show the variation between runs.")
    own = baseline.snapshot.runs or [run_of(baseline.snapshot, baseline.snapshot.history[-1].results_sha256, "")]
    snapshot = msgspec.structs.replace(baseline.snapshot, runs=[*own, run], sha256=None)
    _write(snapshot, to)
    return Kept(snapshot, _not_valid(side))


def _finished(results: Path) -> CheckedRun:
    side = read_side(results)
    if not side.snapshot.finished:
        raise InputError(
            f"{results} comes from a run that did not finish; the same command continues where it stopped."
        )
    return side


def _write(snapshot: Snapshot, to: Path) -> None:
    with writing(to, "--to"):
        write_whole(to, seal(encoded(snapshot)))


def _not_valid(side: CheckedRun) -> tuple[str, ...]:
    return tuple(f"{row.title} ({', '.join(scopes)})" for row in side.snapshot.rows if (scopes := not_valid(row)))


def _history(to: Path) -> list[Reason]:
    try:
        old = read_side(to)
    except MissingFile:
        return []
    if not old.snapshot.history:
        raise InputError(f"{to} is not a baseline and would be overwritten; give another --to, or remove it.")
    return old.snapshot.history


def _matches(side: CheckedRun, to: Path) -> MatchFileFacts | None:
    """Write the match entries of the rows beside the baseline, before the baseline itself, which names the file."""
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
