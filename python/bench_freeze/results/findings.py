"""Findings about a training besides its rows."""

from __future__ import annotations

from dataclasses import dataclass

from .analysis import Analysis
from .schema import Rung


@dataclass(frozen=True)
class Findings:
    """Findings that the rows of one training share; None if not requested."""

    ladder: list[Rung] | None = None
    analysis: Analysis | None = None
