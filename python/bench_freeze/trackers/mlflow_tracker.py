"""MLflow: one run per study, with one nested run per training, which has the curves by epoch and the rows' numbers.

MLflow decides where to log: by MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME, or by its defaults.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .record import Parameter, RowLog, TrainingLog

EXPERIMENT = "bench-freeze"
LONGEST = 500  # characters of a parameter; older servers refuse more
AT_ONCE = 900  # metrics per request; a server takes 1000
_REFUSED = re.compile(r"[^A-Za-z0-9_\-./ ]")
_QUICK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}  # the defaults take minutes


class MlflowTracker:
    """A study in MLflow."""

    name = "mlflow"

    def __init__(self, folder: Path) -> None:
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        self._metric, self._param = Metric, Param
        self._client: Any = MlflowClient()
        self._runs: dict[str, str] = {}
        with _quick_to_fail():
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
            found = self._client.get_experiment_by_name(name)
            self._experiment = found.experiment_id if found is not None else self._client.create_experiment(name)
            self._study = self._create(folder.resolve().name)

    def start(self, about: str, parameters: Mapping[str, Parameter]) -> None:
        """Log the study's parameters, and its description as the run's note."""
        self._client.set_tag(self._study, "mlflow.note.content", about)
        self._log(self._study, parameters=parameters)

    def training(self, training: TrainingLog) -> None:
        """Log a nested run with its parameters and curves."""
        run = self._runs[training.name] = self._create(training.name, **{"mlflow.parentRunId": self._study})
        points = [(line.name, value, epoch) for line in training.series for epoch, value in line.points]
        self._log(run, parameters=training.parameters, points=points)

    def row(self, row: RowLog) -> None:
        """Log the row's numbers as metrics of the training's run, under the row's name."""
        self._log(self._runs[row.training], points=[(f"{row.name}/{name}", v, 0) for name, v in row.numbers.items()])

    def files(self, files: Sequence[Path]) -> None:
        """Log the files as artifacts of the study's run."""
        for file in files:
            self._client.log_artifact(self._study, str(file))

    def close(self, *, failed: bool) -> None:
        """End the runs."""
        status = "FAILED" if failed else "FINISHED"
        for run in (*self._runs.values(), self._study):
            self._client.set_terminated(run, status)

    def _create(self, name: str, **tags: str) -> str:
        run = self._client.create_run(self._experiment, run_name=name, tags={**tags, "bench_freeze": "study"})
        return str(run.info.run_id)

    def _log(
        self,
        run: str,
        parameters: Mapping[str, Parameter] | None = None,
        points: Sequence[tuple[str, float, int]] = (),
    ) -> None:
        if parameters:
            params = [self._param(_name(key), str(value)[:LONGEST]) for key, value in parameters.items()]
            for start in range(0, len(params), 100):
                self._client.log_batch(run, params=params[start : start + 100])
        now = int(time.time() * 1000)
        metrics = [self._metric(_name(key), value, now, step) for key, value, step in points]
        for start in range(0, len(metrics), AT_ONCE):
            self._client.log_batch(run, metrics=metrics[start : start + AT_ONCE])


def _name(text: str) -> str:
    return _REFUSED.sub("_", text)[:250]


@contextmanager
def _quick_to_fail() -> Iterator[None]:
    """Shorten MLflow's retries, so that a missing server is reported before any work and not after minutes."""
    mine = {name: value for name, value in _QUICK.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            del os.environ[name]
