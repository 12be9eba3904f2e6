"""Scoring by the protocols of COCO, Ultralytics and VOC; COCO's to the last bit."""

from .bootstrap import Comparison, Difference, compare
from .evaluate import evaluate
from .evaluation import Counts, Evaluation
from .evaluator import Evaluator
from .protocols import PROTOCOLS, STAT_NAMES, Protocol

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
