"""The levels of a baseline's runs: one number per row and scope, and their variation between runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

import numpy as np

from ..results.identity import RowKey
from .change import Change
from .latency_change import RunNoise, change_between_runs, run_noise
from .own_verdict import verdict_of
from .read import CheckedRun
from .snapshot import BaselineRun, RowLevels, RowSnapshot, Snapshot

ENERGY = "energy"
Levels = Mapping[tuple[RowKey, str], float]


class RunLevels:
    """The levels of a baseline; any other run counts as a baseline of one run."""

    def __init__(self, baseline: CheckedRun) -> None:
        kept = baseline.snapshot.runs
        self._runs: list[Levels] = [_levels(run) for run in kept]
        self._own = _levels(run_of(baseline.snapshot, "", "", valid_only=False))
        self._noise: dict[bool, RunNoise] = {}

    def change(self, row: RowSnapshot, scope: str, current: float) -> Change:
        """The ratio of the current level of a row and scope to the baseline's."""
        key = row.key, scope
        levels = [run[key] for run in self._runs if key in run] or [self._own[key]]
        return change_between_runs(levels, current, self.noise(scope == ENERGY))

    def noise(self, is_energy: bool) -> RunNoise:
        """The variation between runs over all rows, of latencies or energies."""
        if is_energy not in self._noise:
            names = [key for key in self._own if (key[1] == ENERGY) == is_energy]
            common = [key for key in names if all(key in run for run in self._runs)]
            logs = [[math.log(run[key]) for key in common] for run in self._runs] or [[0.0] * len(common)]
            self._noise[is_energy] = run_noise(np.asarray(logs, np.float64).reshape(len(logs), len(common)))
        return self._noise[is_energy]


def run_of(snapshot: Snapshot, results_sha256: str, date: str, *, valid_only: bool = True) -> BaselineRun:
    """The levels of a run: medians of its VALID scopes, means of its energies."""
    return BaselineRun(
        date=date,
        results_sha256=results_sha256,
        bench_freeze=snapshot.bench_freeze,
        rows=[RowLevels(key=row.key.parts(), levels=_of_row(row, valid_only)) for row in snapshot.rows],
    )


def _of_row(row: RowSnapshot, valid_only: bool) -> dict[str, float]:
    levels = {
        scope: statistics.median(sampled.samples_s)
        for scope, sampled in row.latency.items()
        if sampled.samples_s and (not valid_only or verdict_of(sampled)[0] == "VALID")
    }
    return levels | ({ENERGY: statistics.geometric_mean(row.energy_j)} if row.energy_j else {})


def _levels(run: BaselineRun) -> Levels:
    return {(RowKey(**row.key), scope): level for row in run.rows for scope, level in row.levels.items()}
