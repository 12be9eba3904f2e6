"""What a tracker can do. Each may raise whatever its package does; `logbook.py` stands between that and the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from .record import Parameter, RowLog, TrainingLog


class Tracker(Protocol):
    """One place where a study is told of. It is open when it is made: what is missing is found before any work."""

    name: str

    def start(self, about: str, parameters: Mapping[str, Parameter]) -> None:
        """Take the study's parameters."""

    def training(self, training: TrainingLog) -> None:
        """Take a finished training with its curves."""

    def row(self, row: RowLog) -> None:
        """Take numbers of a row, whose training was there before; more may follow of the same row."""

    def files(self, files: Sequence[Path]) -> None:
        """Take the report, the results and the model."""

    def close(self, *, failed: bool) -> None:
        """End; `failed` says that the study did."""
