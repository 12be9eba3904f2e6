"""The interface of a tracker. It may raise any error of its package; `logbook.py` shields the run from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from .record import Parameter, RowLog, TrainingLog


class Tracker(Protocol):
    """One experiment tracker. Its constructor opens it, so that problems appear before any work."""

    name: str

    def start(self, about: str, parameters: Mapping[str, Parameter]) -> None:
        """Log the study's parameters."""

    def training(self, training: TrainingLog) -> None:
        """Log a finished training with its curves."""

    def row(self, row: RowLog) -> None:
        """Log numbers of a row, after its training; more numbers of the same row may follow."""

    def files(self, files: Sequence[Path]) -> None:
        """Log the report, the results and the model."""

    def close(self, *, failed: bool) -> None:
        """Close the tracker; `failed` says whether the study failed."""
