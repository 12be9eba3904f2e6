"""TensorBoard: event files in OUT/tensorboard, with a folder for each training and a subfolder for each of its rows.

A row's numbers are in the HPARAMS tab, which compares trainings by their parameters. TensorBoard does not store files;
the study's text says where they are. A run replaces the events of an earlier one, which would otherwise be drawn too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .record import Parameter, RowLog, TrainingLog

FOLDER = "tensorboard"
EVENTS = "events.out.tfevents.*"
_ODD = re.compile(r"[^\w. +-]")


class TensorBoardTracker:
    """A study in event files."""

    name = "tensorboard"

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._make_writer = SummaryWriter
        self._folder = folder / FOLDER
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._folder.rglob(EVENTS):
            old.unlink()
        self._study: Any = SummaryWriter(str(self._folder))
        self._parameters: dict[str, Mapping[str, Parameter]] = {}
        self._numbers: dict[tuple[str, str], dict[str, float]] = {}

    def start(self, about: str, parameters: Mapping[str, Parameter]) -> None:
        """Log the parameters as a text table."""
        rows = [f"| {_cell(name)} | {_cell(value)} |" for name, value in parameters.items()]
        self._study.add_text("study", "\n".join((_cell(about), "", "| option | value |", "|---|---|", *rows)))
        self._study.flush()

    def training(self, training: TrainingLog) -> None:
        """Log the curves as scalars by epoch."""
        self._parameters[training.name] = training.parameters
        writer = self._make_writer(str(self._folder / _folder_name(training.name)))
        for line in training.series:
            for epoch, value in line.points:
                writer.add_scalar(line.name, value, epoch)
        writer.close()

    def row(self, row: RowLog) -> None:
        """Keep the row until the end, since hyperparameters and their metrics can be written only once."""
        self._numbers.setdefault((row.training, row.name), {}).update(row.numbers)

    def files(self, files: Sequence[Path]) -> None:
        """Log the paths of the files."""
        self._study.add_text("files", "\n".join(f"- {_cell(file)}" for file in files))

    def close(self, *, failed: bool) -> None:
        """Write the rows, and close the files."""
        for (training, row), numbers in self._numbers.items():
            folder = self._folder / _folder_name(training) / _folder_name(row)
            writer = self._make_writer(str(folder))
            writer.add_hparams(dict(self._parameters[training]), numbers, run_name=".")
            writer.close()
        self._study.close()


def _folder_name(name: str) -> str:
    return _ODD.sub("_", name).strip(". ") or "_"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
