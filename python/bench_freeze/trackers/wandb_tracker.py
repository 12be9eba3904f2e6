"""Weights & Biases: one run per study, with each training's curves over its own epochs and the rows as a table.

W&B decides where to log: by WANDB_MODE=offline, WANDB_PROJECT, WANDB_ENTITY, and its login.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from .record import Parameter, RowLog, TrainingLog

PROJECT = "bench-freeze"
WAIT_S = 30  # seconds to wait for the server before any work


class WandbTracker:
    """A study as a run of W&B."""

    name = "wandb"

    def __init__(self, folder: Path) -> None:
        import wandb

        online = os.environ.get("WANDB_MODE", "online") == "online"
        if online and not wandb.login(prompt=False):
            raise InputError(
                "--log wandb is not logged in; run `wandb login`, set WANDB_MODE=offline, or leave it out."
            )
        self._wandb = wandb
        folder.mkdir(parents=True, exist_ok=True)
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            name=folder.resolve().name,
            dir=str(folder),
            settings=wandb.Settings(init_timeout=WAIT_S, silent=True, console="off", disable_git=True, save_code=False),
        )
        self._rows: dict[tuple[str, str], dict[str, float]] = {}

    def start(self, about: str, parameters: Mapping[str, Parameter]) -> None:
        """Set the run's config and notes."""
        self._run.notes = about
        self._run.config.update(dict(parameters), allow_val_change=True)

    def training(self, training: TrainingLog) -> None:
        """Log the curves over their own axis: trainings are logged one after the other, and all begin with epoch 1."""
        prefix = training.name.replace("/", "_")
        self._run.config.update({prefix: dict(training.parameters)}, allow_val_change=True)
        self._run.define_metric(f"{prefix}/epoch", hidden=True)
        self._run.define_metric(f"{prefix}/*", step_metric=f"{prefix}/epoch")
        by_epoch: dict[int, dict[str, float]] = {}
        for line in training.series:
            for epoch, value in line.points:
                by_epoch.setdefault(epoch, {})[f"{prefix}/{line.name}"] = value
        for epoch, values in sorted(by_epoch.items()):
            self._run.log({f"{prefix}/epoch": epoch, **values})

    def row(self, row: RowLog) -> None:
        """Add the numbers to the run's summary; the table follows at the end."""
        self._rows.setdefault((row.training, row.name), {}).update(row.numbers)
        prefix = f"{row.training.replace('/', '_')}/{row.name}"
        self._run.summary.update({f"{prefix}/{name}": value for name, value in row.numbers.items()})

    def files(self, files: Sequence[Path]) -> None:
        """Log the table of rows, and the files as one artifact."""
        names = list(dict.fromkeys(name for numbers in self._rows.values() for name in numbers))
        cells = [[*row, *(numbers.get(name) for name in names)] for row, numbers in self._rows.items()]
        self._run.log({"rows": self._wandb.Table(columns=["training", "row", *names], data=cells)})
        artifact = self._wandb.Artifact(f"study-{self._run.id}", type="study")
        for file in files:
            artifact.add_file(str(file), name=file.name)
        self._run.log_artifact(artifact)

    def close(self, *, failed: bool) -> None:
        """Finish the run, and wait until everything is written."""
        self._run.finish(exit_code=int(failed))
