"""Rounds measured by a user's command: for models that this machine cannot run, or for another harness.

A round starts the command four times, in the order A B B A or B A A B at random, so a linear drift cancels. It is
judged like any other round (side_by_side.py). A round may take minutes, so only latencies that are beyond their limits
or not VALID as recorded get rounds.
"""

from __future__ import annotations

import random
import shlex
import statistics
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ..errors import InputError, MeasurementError
from ..results.identity import RowKey
from ..stats.level import MIN_SAMPLES
from ..text import shell
from .models import ModelFolder, find_model, models_of
from .pairing import RowPair
from .read import CheckedRun, read_side
from .rounds import Asked, Key, Timed
from .snapshot import RowSnapshot

PLACEHOLDERS = ("{which}", "{out}", "{onnx}", "{row}")
OF_ONE_ROW = ("{onnx}", "{row}")
WHICH = ("baseline", "current")
SEED = 20240131


@dataclass(frozen=True)
class Rerun:
    """How to measure again: the command with its placeholders."""

    command: str

    def __post_init__(self) -> None:
        for needed in ("{which}", "{out}"):
            if needed not in self.command and not (needed == "{which}" and "{onnx}" in self.command):
                raise InputError(
                    f"--rerun: the command has no {needed}; it must write its measurements to {{out}}, and "
                    "{which} (baseline or current) or {onnx} says which of the two to measure."
                )
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise InputError(f"--rerun: the command cannot be read ({error}); quote it as for a shell.") from None
        if not words or "\0" in self.command:
            raise InputError("--rerun: the command names no program; give one, with its arguments.")

    @property
    def is_of_one_row(self) -> bool:
        """Whether one run of the command measures one row only."""
        return any(placeholder in self.command for placeholder in OF_ONE_ROW)


class CommandRounds:
    """Rounds measured by a command; a context manager, since the command writes files."""

    label = "A B B A of --rerun"
    only_doubtful = True

    def __init__(self, rerun: Rerun, baseline: CheckedRun, current: CheckedRun) -> None:
        self._rerun = rerun
        self._folders = {"baseline": models_of(baseline), "current": models_of(current)}
        self._paths = {"baseline": baseline.path, "current": current.path}
        self._random = random.Random(SEED)
        self._scratch = tempfile.TemporaryDirectory(prefix="bench-freeze-rerun-")
        self._runs = 0

    def __enter__(self) -> CommandRounds:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._scratch.cleanup()

    def can_time(self, pair: RowPair) -> bool:
        """Always true: the command itself reports what it cannot measure."""
        return True

    def round(self, asked: Sequence[Asked]) -> Mapping[Key, Timed | str]:
        """One round of all rows, with one command per row or one for all.

        Raises MeasurementError if the command fails, InputError if its output is not what was requested.
        """
        found: dict[Key, Timed | str] = {}
        for group in [[one] for one in asked] if self._rerun.is_of_one_row else [list(asked)]:
            first, second = self._random.sample(WHICH, 2)
            taken: dict[str, list[CheckedRun]] = {which: [] for which in WHICH}
            for which in (first, second, second, first):
                taken[which].append(self._run(which, group[0].pair))
            found |= {
                (wanted.pair.current.key, scope): _timed(taken, wanted.pair.current.key, scope)
                for wanted in group
                for scope in wanted.scopes
            }
        return found

    def _run(self, which: str, pair: RowPair) -> CheckedRun:
        self._runs += 1
        out = Path(self._scratch.name) / f"{self._runs}-{which}" / "measured.json"
        out.parent.mkdir(parents=True)
        values = {"{which}": which, "{out}": str(out), "{row}": pair.current.title}
        if "{onnx}" in self._rerun.command:
            row = pair.reference if which == "baseline" else pair.current
            values["{onnx}"] = str(_file(row, self._folders[which], self._paths[which]))
        words = [_filled(word, values) for word in shlex.split(self._rerun.command)]
        return _measured(words, out)


def _timed(taken: Mapping[str, Sequence[CheckedRun]], key: RowKey, scope: str) -> Timed | str:
    """The mean of the two runs of each side."""
    means = []
    for which in WHICH:
        levels = [_level(run, key, scope) for run in taken[which]]
        if wrong := [level for level in levels if isinstance(level, str)]:
            return wrong[0]
        means.append(statistics.fmean(level for level in levels if isinstance(level, float)))
    return means[0], means[1]


def _filled(word: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        word = word.replace(placeholder, value)
    return word


def _level(run: CheckedRun, key: RowKey, scope: str) -> float | str:
    """Seconds per call in the command's output, or the reason why there are none."""
    rows = run.snapshot.rows
    row = rows[0] if run.snapshot.source == "profile" else _row_of(rows, key)
    sampled = row.latency.get(scope) if row is not None else None
    if sampled is None or len(sampled.samples_s) < MIN_SAMPLES:
        raise InputError(
            f"--rerun: what the command wrote has no {scope} latency of the row with {MIN_SAMPLES} samples or more; it "
            "must measure that row."
        )
    if sampled.verdict == "INVALID":
        return f"measured again it is invalid: {'; '.join(sampled.reasons)}"
    return statistics.median(sampled.samples_s)


def _row_of(rows: Iterable[RowSnapshot], key: RowKey) -> RowSnapshot | None:
    return next((row for row in rows if row.key == key), None)


def _measured(words: list[str], out: Path) -> CheckedRun:
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise InputError(
            f"--rerun: {words[0]} cannot be started ({error.strerror}); give a command of this machine."
        ) from None
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise MeasurementError(f"--rerun: `{shell.command(words)}` ended with status {done.returncode}: {last[0]}")
    if not out.is_file():
        raise InputError(
            f"--rerun: `{shell.command(words)}` wrote nothing to {out}; it must write results or a profile there."
        )
    return read_side(out)


def _file(row: RowSnapshot, folders: Iterable[ModelFolder], of: Path) -> Path:
    path = find_model(row, folders)
    if path is None:
        raise InputError(
            f"--rerun: the file of {row.title} (sha256 {row.artifact_sha256[:12]}) is not in {of.parent}/artifacts or "
            "beside it; use {which} in place of {onnx} and have the command find it."
        )
    return path
