"""Confirm before an alarm: baseline and current artifacts measured again on this machine, in turn.

Two runs hours apart differ by more than their samples tell. Rounds of baseline, current, current, baseline put both
through the same hours: a linear drift cancels within a round. What is judged then are the ratios of the rounds.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, MeasurementError
from ..stats.level import MIN_SAMPLES, Level, level, welch_df
from ..text import shell
from ..user_files import read_file
from .change import Change
from .finding import Finding
from .judge import Test, decide
from .limits import CheckRules, Limit
from .metric import METRICS
from .pairing import Pairing, RowPair
from .read import CheckedRun, read_side
from .snapshot import RowSnapshot

ROUNDS = 3
PLACEHOLDERS = ("{which}", "{out}", "{onnx}", "{row}")
OF_ONE_ROW = ("{onnx}", "{row}")
WHICH = ("baseline", "current")


@dataclass(frozen=True)
class Rerun:
    """How to measure again: the command with its placeholders, and rounds of A B B A."""

    command: str
    rounds: int = ROUNDS

    def __post_init__(self) -> None:
        for needed in ("{which}", "{out}"):
            if needed not in self.command and not (needed == "{which}" and "{onnx}" in self.command):
                raise InputError(
                    f"--rerun: the command has no {needed}; it must write what it measured to {{out}} and tell by "
                    "{which} (baseline or current) or {onnx} which of the two it measures."
                )
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise InputError(f"--rerun: the command cannot be read ({error}); quote it as for a shell.") from None
        if not words or "\0" in self.command:
            raise InputError("--rerun: the command names no program; give one, with its arguments.")
        if self.rounds < 2:
            raise InputError(f"--rerun-rounds {self.rounds}: at least 2 are needed to see how rounds differ.")

    @property
    def is_of_one_row(self) -> bool:
        """Whether one run of the command measures one row only."""
        return any(placeholder in self.command for placeholder in OF_ONE_ROW)


def confirm(
    findings: list[Finding],
    pairing: Pairing,
    rules: CheckRules,
    baseline: CheckedRun,
    current: CheckedRun,
    rerun: Rerun,
    note: Callable[[str], None],
) -> list[Finding]:
    """The findings with latencies that did not pass measured again; the others stay.

    Raises MeasurementError when the command fails, InputError when what it wrote is not what was asked for.
    """
    pairs = {pair.current.key: pair for pair in pairing.pairs}
    doubtful = [f for f in findings if f.rule.startswith("latency") and f.status not in ("PASS", "REFUSED")]
    doubtful = [finding for finding in doubtful if finding.key in pairs]
    if not doubtful:
        return findings
    rows = list(dict.fromkeys(finding.key for finding in doubtful))
    groups = [[key] for key in rows] if rerun.is_of_one_row else [rows]
    again: dict[tuple[object, str], Test] = {}
    with tempfile.TemporaryDirectory(prefix="bench-freeze-rerun-") as folder:
        for number, keys in enumerate(groups):
            pair = pairs[keys[0]]
            note(
                f"measuring again, {rerun.rounds} rounds of A B B A: {', '.join(pairs[k].current.title for k in keys)}"
            )
            runs = _run_rounds(rerun, pair, baseline, current, Path(folder) / str(number), note)
            for finding in doubtful:
                if finding.key in keys:
                    limit = rules.of(pairs[finding.key].current)[finding.rule]
                    again[finding.key, finding.rule] = _test(finding, limit, runs)
    return _replaced(findings, again)


def _replaced(findings: list[Finding], again: dict[tuple[object, str], Test]) -> list[Finding]:
    judged = decide(list(again.values()))
    new = dict(zip(again, judged, strict=True))
    replaced = []
    for old in findings:
        found = new.get((old.key, old.rule))
        if found is not None:
            told = f"{found.sentence} Measured again in turn; before: {old.status}, {old.sentence}"
            found = dataclasses.replace(found, sentence=told)
        replaced.append(found or old)
    return replaced


def pooled_change(reference: Sequence[Level], current: Sequence[Level]) -> Change:
    """Rounds of A B B A: two levels of each side per round, in the order taken. The mean of the rounds' log ratios.

    Its variance is that between rounds, and not below what the samples within the runs allow for.
    """
    a, b = [run.median_s for run in reference], [run.median_s for run in current]
    ratios = [math.log((b[k] + b[k + 1]) / (a[k] + a[k + 1])) for k in range(0, len(a), 2)]
    rounds = len(ratios)
    within = sum(run.variance for run in (*reference, *current)) / (2 * rounds) ** 2
    between = statistics.variance(ratios) / rounds
    df_within = welch_df([(run.variance, run.df) for run in (*reference, *current)])
    excess = max(0.0, between - within)
    return Change(
        reference=statistics.median(a),
        current=statistics.median(b),
        worse=statistics.fmean(ratios),
        se=math.sqrt(within + excess),
        df=welch_df([(within, df_within), (excess, rounds - 1.0)]),
        is_ratio=True,
    )


def _test(finding: Finding, limit: Limit, runs: dict[str, list[CheckedRun]]) -> Test:
    scope = METRICS[finding.rule].kind
    levels = {
        which: [level(_samples(side, finding, scope), run_to_run=0.0) for side in sides]
        for which, sides in runs.items()
    }
    blank = dataclasses.replace(finding, sentence="", p_value=None)
    return Test(blank, pooled_change(levels["baseline"], levels["current"]), limit)


def _samples(side: CheckedRun, finding: Finding, scope: str) -> list[float]:
    rows = side.snapshot.rows
    row = rows[0] if side.snapshot.source == "profile" else _row_of(rows, finding)
    sampled = row.latency.get(scope) if row is not None else None
    if sampled is None or len(sampled.samples_s) < MIN_SAMPLES:
        raise InputError(
            f"--rerun: what the command wrote has no {finding.metric} of {finding.row} with {MIN_SAMPLES} samples or "
            "more; it must measure that row."
        )
    if sampled.verdict == "INVALID":
        raise MeasurementError(
            f"--rerun: {finding.metric} of {finding.row} is invalid again: {'; '.join(sampled.reasons)}."
        )
    return sampled.samples_s


def _row_of(rows: Iterable[RowSnapshot], finding: Finding) -> RowSnapshot | None:
    return next((row for row in rows if row.key == finding.key), None)


def _run_rounds(
    rerun: Rerun, pair: RowPair, baseline: CheckedRun, current: CheckedRun, folder: Path, note: Callable[[str], None]
) -> dict[str, list[CheckedRun]]:
    """What the command wrote for each side, two per round, in the order A B B A."""
    artifacts = dict(zip(WHICH, ((baseline, pair.reference), (current, pair.current)), strict=True))
    onnx = {w: _onnx(side, row) for w, (side, row) in artifacts.items()} if "{onnx}" in rerun.command else {}
    runs: dict[str, list[CheckedRun]] = {which: [] for which in WHICH}
    for number in range(rerun.rounds):
        for position, which in enumerate(("baseline", "current", "current", "baseline")):
            out = folder / f"{number}-{position}-{which}" / "measured.json"
            out.parent.mkdir(parents=True)
            values = {"{which}": which, "{out}": str(out), "{row}": pair.current.title, "{onnx}": onnx.get(which, "")}
            words = [_filled(word, values) for word in shlex.split(rerun.command)]
            note(f"  round {number + 1} of {rerun.rounds}: {which}")
            runs[which].append(_run(words, out))
    return runs


def _filled(word: str, values: dict[str, str]) -> str:
    for placeholder, value in values.items():
        word = word.replace(placeholder, value)
    return word


def _run(words: list[str], out: Path) -> CheckedRun:
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


def _onnx(side: CheckedRun, row: RowSnapshot) -> str:
    """The ONNX file of a row in the artifacts beside its results, by hash."""
    for manifest in sorted((side.path.parent / "artifacts").glob("*/manifest.json")):
        try:
            files = json.loads(read_file(manifest, "manifest", "make it again"))["files"]
            names = [name for name, facts in files.items() if facts.get("sha256") == row.artifact_sha256]
        except (InputError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        if names:
            return str(manifest.parent / names[0])
    raise InputError(
        f"--rerun: the file of {row.title} (sha256 {row.artifact_sha256[:12]}) is not in {side.path.parent}/artifacts; "
        "use {which} in place of {onnx} and have the command find it."
    )
