"""Protocols by name, and the constants of COCO's. All ranges and thresholds are float64, built once and passed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..kernels.matching import MatchRule
from ..text.suggest import hint

Protocol = Literal["coco", "coco-corrected", "ultralytics-8.4.183", "voc-all", "voc-11"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

# As pycocotools builds them: 0.05 * i differs in the last bit for some i, and IoUs of whole-pixel boxes fall on it.
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_THRESHOLDS = np.linspace(0.0, 1.0, 101)

# In square pixels of the original image. Both ends belong to a range, so 32 x 32 is both small and medium.
AREA_RANGES = MappingProxyType(
    {
        "all": (0.0, 1e10),
        "small": (0.0, 32.0**2),
        "medium": (32.0**2, 96.0**2),
        "large": (96.0**2, 1e10),
    }
)

# The size ranges alone, without "all".
SIZES = MappingProxyType({name: ends for name, ends in AREA_RANGES.items() if name != "all"})

# The numbers of best detections per image and class that count. AP is only defined for the last one.
MAX_DETECTIONS = (1, 10, 100)
AP_MAX_DETECTIONS = 100

STAT_NAMES = (
    "AP",
    "AP50",
    "AP75",
    "AP_small",
    "AP_medium",
    "AP_large",
    "AR_1",
    "AR_10",
    "AR_100",
    "AR_small",
    "AR_medium",
    "AR_large",
)


@dataclass(frozen=True)
class ProtocolRules:
    """What a protocol's name stands for."""

    rule: MatchRule
    iou_thresholds: NDArray[np.float64]
    area_ranges: Mapping[str, tuple[float, float]]
    # AP is the mean precision at these recalls; empty: the area under the whole curve. None: a formula of its own.
    recall_thresholds: NDArray[np.float64] | None
    keeps_crowds: bool = True  # False: crowds are not ground truth at all, as in YOLO's label format
    knows_sizes: bool = True  # False: the protocol cannot leave out objects of other sizes
    voids_id_zero: bool = False  # ground truth with annotation id 0 is never matched: a bug of pycocotools


_EVERY_AREA = MappingProxyType({"all": (0.0, float("inf"))})
RULES: Mapping[Protocol, ProtocolRules] = MappingProxyType(
    {
        # pycocotools 2.0.11 with its bug; "coco-corrected" is the same without that bug.
        "coco": ProtocolRules("coco", IOU_THRESHOLDS, AREA_RANGES, RECALL_THRESHOLDS, voids_id_zero=True),
        "coco-corrected": ProtocolRules("coco", IOU_THRESHOLDS, AREA_RANGES, RECALL_THRESHOLDS),
        # Greedy matching by confidence, as in Ultralytics from 8.4.183 on; its thresholds are float32.
        "ultralytics-8.4.183": ProtocolRules(
            "ultralytics",
            np.linspace(0.5, 0.95, 10, dtype=np.float32).astype(np.float64),
            _EVERY_AREA,
            None,
            False,
            False,
        ),
        # The development kit's matching at IoU 0.5; the area under the whole curve (2010 on), or eleven samples of it.
        # Pixels are inclusive there: a box from xmin to xmax has width xmax - xmin + 1.
        "voc-all": ProtocolRules("voc", np.array([0.5]), _EVERY_AREA, np.empty(0)),
        "voc-11": ProtocolRules("voc", np.array([0.5]), _EVERY_AREA, np.arange(11) / 10),
    }
)


MOST_THRESHOLDS = 64


def thresholds_of(text: str) -> tuple[float, ...]:
    """IoU thresholds from "0.5,0.75" or "0.10:0.05:0.95" (first, step, last).

    Raises InputError for anything else, and for a threshold that is not above 0 or is above 1.

    >>> thresholds_of("0.1:0.1:0.3"), thresholds_of("0.75,0.5")
    ((0.1, 0.2, 0.3), (0.5, 0.75))
    """
    try:
        found = [float(part) for part in text.split(":" if ":" in text else ",")]
        if ":" in text:
            first, step, last = found
            count = min(int((last - first) / step + 1e-6), MOST_THRESHOLDS) + 1
            found = [round(first + k * step, 10) for k in range(count)]
    except (ValueError, ZeroDivisionError, OverflowError):
        found = []
    if not 0 < len(found) <= MOST_THRESHOLDS or not all(0 < value <= 1 for value in found):
        raise InputError(
            f"IoU thresholds {text[:60]!r} cannot be read: give numbers above 0, at most 1, as 0.5,0.75 or "
            f"0.10:0.05:0.95, {MOST_THRESHOLDS} at most"
        )
    return tuple(sorted(set(found)))


def rules_of(protocol: str) -> ProtocolRules:
    """The rules of a protocol. Raises InputError for an unknown name."""
    return RULES[protocol_of(protocol)]


def protocol_of(protocol: str) -> Protocol:
    """A protocol by its name. Raises InputError for an unknown one."""
    for name in PROTOCOLS:
        if name == protocol:
            return name
    raise InputError(f"protocol {protocol!r} is unknown: {hint(str(protocol), PROTOCOLS, what='choose one of')}")
