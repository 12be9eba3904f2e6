"""Scoring by the protocols of COCO, Ultralytics and VOC; COCO's to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .evaluate import evaluate
from .evaluation import Counts, Evaluation
from .evaluator import Evaluator
from .protocols import PROTOCOLS, STAT_NAMES, Protocol

if TYPE_CHECKING:
    from .bootstrap import Comparison, Difference, compare

__all__ = [
    "PROTOCOLS",
    "STAT_NAMES",
    "Comparison",
    "Counts",
    "Difference",
    "Evaluation",
    "Evaluator",
    "Protocol",
    "compare",
    "evaluate",
]


def __getattr__(name: str) -> object:
    if name in ("Comparison", "Difference", "compare"):  # scoring one results file does not need them
        from . import bootstrap

        found: object = getattr(bootstrap, name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
