"""Scoring by the COCO protocol, bit for bit."""

from bench_freeze.evaluate.coco_protocol import PROTOCOLS, STAT_NAMES, Protocol
from bench_freeze.evaluate.evaluate import Evaluation, evaluate

__all__ = ["PROTOCOLS", "STAT_NAMES", "Evaluation", "Protocol", "evaluate"]
