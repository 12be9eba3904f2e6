"""Scoring by the COCO protocol, bit for bit."""

from .coco_protocol import PROTOCOLS, STAT_NAMES, Protocol
from .evaluate import Evaluation, evaluate

__all__ = ["PROTOCOLS", "STAT_NAMES", "Evaluation", "Protocol", "evaluate"]
