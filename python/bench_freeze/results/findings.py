"""What is found in a training beside its rows."""

from __future__ import annotations

from dataclasses import dataclass

from .analysis import Analysis
from .schema import Rung


@dataclass(frozen=True)
class Findings:
    """What the rows of one training share; None where it was not asked for."""

    ladder: list[Rung] | None = None
    analysis: Analysis | None = None
