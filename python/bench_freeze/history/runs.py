"""The runs of a history, read from files and folders and sorted by time."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..check.metric import HEADS
from ..check.read import CheckedRun, read_side
from ..check.snapshot import RowSnapshot, Snapshot
from ..errors import InputError
from ..results.identity import RowKey

TIMED = ("latency_model", "latency_pipeline", "energy")
METRICS_KEPT = (
    *(*TIMED, "size"),
    *(f"{head}_{kind}" for head in HEADS for kind in ("map", "map50")),
)


@dataclass(frozen=True)
class Place:
    """What identifies comparable numbers: the row, the metric, and the machine or data set."""

    key: RowKey
    metric: str  # as in rules of the check: "latency_model", "base_map", "size" ...
    condition: str  # the device class of times, the data and protocol of accuracies


@dataclass(frozen=True)
class Run:
    """One run: its name, its time, its commit, and its numbers.

    `values` are seconds, fractions, bytes or joules; `left_out` counts latencies that were INVALID.
    """

    name: str
    recorded_at: datetime.datetime | None
    commit: str | None
    values: dict[Place, float] = field(hash=False)
    left_out: int = 0

    @property
    def label(self) -> str:
        """A short description of the run."""
        day = "" if self.recorded_at is None else self.recorded_at.strftime("%Y-%m-%d %H:%M")
        return " ".join(part for part in (day, (self.commit or "")[:10]) if part) or self.name


def read_runs(paths: Sequence[Path]) -> tuple[list[Run], list[str]]:
    """The runs of files and folders in order of time, and notes on what was left out.

    A folder gives its .json files and the results.json of its subfolders; other .json files are counted. Raises
    InputError if a file cannot be read, or if there are fewer than two runs.
    """
    runs: list[Run] = []
    notes: list[str] = []
    for path in paths:
        if path.is_dir():
            skipped = 0
            for file in sorted([*path.glob("*.json"), *path.glob("*/results.json")]):
                try:
                    runs += _runs_of(read_side(file), str(file.relative_to(path)))
                except InputError:
                    skipped += 1
            if skipped:
                notes.append(f"{path}: {skipped} json files are not results, profiles or baselines and were left out")
        else:
            runs += _runs_of(read_side(path), path.name if path.parent == Path() else str(path))
    runs, repeated = _without_repeats(_in_time(runs, notes))
    if repeated:
        notes.append(f"{repeated} runs repeat the numbers of an earlier run and were left out")
    if len(runs) < 2:
        raise InputError(f"a history needs at least two runs and has {len(runs)}; give more files, or their folder.")
    if left_out := sum(run.left_out for run in runs):
        notes.append(f"{left_out} latencies were INVALID and were left out")
    return runs, notes


def _runs_of(side: CheckedRun, name: str) -> list[Run]:
    snapshot = side.snapshot
    if snapshot.runs:
        return list(_runs_of_baseline(snapshot, name, side.path))
    recorded_at = snapshot.recorded_at
    if recorded_at is None and snapshot.history:  # a baseline has the day of its last update
        recorded_at = snapshot.history[-1].date
    invalid = sum(found.verdict == "INVALID" for row in snapshot.rows for found in row.latency.values())
    return [Run(name, _moment(recorded_at, side.path), snapshot.commit, dict(_values(snapshot)), invalid)]


def _runs_of_baseline(snapshot: Snapshot, name: str, path: Path) -> Iterator[Run]:
    """Times and energies of every run of a baseline; accuracies and sizes are those of its last update."""
    updated = snapshot.history[-1].results_sha256 if snapshot.history else None
    devices = {row.key: snapshot.device_classes.get(row.device, "") for row in snapshot.rows}
    for number, run in enumerate(snapshot.runs, start=1):
        is_update = run.results_sha256 == updated
        values = {p: v for p, v in _values(snapshot) if p.metric not in TIMED} if is_update else {}
        for row in run.rows:
            key = RowKey(**row.key)
            for what, level in row.levels.items():
                metric = what if what == "energy" else f"latency_{what}"
                values[Place(key, metric, devices.get(key, ""))] = level
        recorded_at = (snapshot.recorded_at if is_update else None) or run.date
        commit = snapshot.commit if is_update else None
        yield Run(f"{name}, run {number}", _moment(recorded_at, path), commit, values)


def _values(snapshot: Snapshot) -> Iterator[tuple[Place, float]]:
    for row in snapshot.rows:
        device = snapshot.device_classes.get(row.device, "")
        for scope, sampled in row.latency.items():
            if sampled.samples_s and sampled.verdict != "INVALID":
                yield Place(row.key, f"latency_{scope}", device), statistics.median(sampled.samples_s)
        if row.energy_j:
            yield Place(row.key, "energy", device), statistics.fmean(row.energy_j)
        yield Place(row.key, "size", ""), float(row.size_bytes)
        for head, accuracy in row.accuracy.items():
            for kind in ("map", "map50"):
                if (value := getattr(accuracy, kind)) is not None:
                    yield Place(row.key, f"{head}_{kind}", _scored_on(row, accuracy.data_sha256)), value


def _scored_on(row: RowSnapshot, data_sha256: str | None) -> str:
    data = data_sha256 or row.data_sha256
    return " ".join(part for part in (row.protocol, None if data is None else f"data {data[:10]}") if part)


def _moment(text: str | None, path: Path) -> datetime.datetime | None:
    if text is None:
        return None
    try:
        found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not accept the Z
    except ValueError:
        raise InputError(f"{path}: recorded_at is {text[:40]!r}, not a time of ISO 8601; write it again.") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=datetime.timezone.utc)


def _in_time(runs: list[Run], notes: list[str]) -> list[Run]:
    without = [run for run in runs if run.recorded_at is None]
    if without:
        why = f"{without[0].name} does not say when it was recorded"
        notes.append(f"{why}, so the runs are in the order in which they were given")
        return runs
    return sorted(runs, key=lambda run: (run.recorded_at, run.name))


def _without_repeats(runs: list[Run]) -> tuple[list[Run], int]:
    """Drop repeated runs: a study that runs again from kept results repeats its latencies to the last digit."""
    kept: list[Run] = []
    seen: set[frozenset[tuple[Place, float]]] = set()
    for run in runs:
        timed = frozenset((place, value) for place, value in run.values.items() if "latency" in place.metric)
        if not timed or timed not in seen:
            kept.append(run)
        seen.add(timed)
    return kept, len(runs) - len(kept)
